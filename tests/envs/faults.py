"""What a page, or the machine, can do to an environment: name -> JavaScript that the page runs."""

SCRIPTS = {
    "endless script": "for (;;);",
    "endless script in a frame": "const f = document.body.appendChild(document.createElement('iframe')); "
    "f.contentWindow.eval('for (;;);')",
    "endless recursion": "(function f() { f(); })()",
    "endless promises": "(async () => { for (;;) await null; })()",
    "endless expression": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "out of memory": "const a = []; for (;;) a.push(new Array(1e6).fill(a.length + 0.5));",
    "timers without end": "setInterval(() => {}, 0); (function f() { setTimeout(f, 0); setTimeout(f, 0); })()",
    "busy timers": "setInterval(() => { const end = Date.now() + 50; for (let i = 0; i < 1e7; i++); }, 0)",
    "changes without end": "setInterval(() => { document.body.append(document.createElement('p')); }, 1)",
    "alert storm": "for (let i = 0; i < 50; i++) alert('x'.repeat(1e5));",
    "endless alerts": "setInterval(() => alert('again'), 0)",
    "confirm and prompt": "setInterval(() => { confirm('?'); prompt('?'); }, 0)",
    "print": "window.print()",
    "leaving is asked back": "onbeforeunload = (e) => { e.preventDefault(); e.returnValue = 'stay'; }",
    "page closes itself": "window.close()",
    "windows without end": "setInterval(() => { const f = document.body.appendChild(document.createElement('iframe')); "
    "f.contentWindow.open('about:blank', Math.random()); open('about:blank', Math.random()); }, 50)",
    "history loop": "setInterval(() => { history.pushState(0, '', '#' + Math.random()); history.back(); }, 1)",
    "hash loop": "onhashchange = () => { location.hash = Math.random(); }; location.hash = 1",
    "written over": "document.open(); document.write('<p>other')",
    "written without end": "setInterval(() => document.write('<p>more'), 1)",
    "body removed": "document.body.remove()",
    "everything removed": "document.documentElement.remove()",
    "a frame taken out": "const f = document.body.appendChild(document.createElement('iframe')); "
    "f.contentWindow.setInterval(() => f.remove(), 10)",
    "shadow trees": "for (let i = 0, e = document.body; i < 300; i++) { "
    "e = e.appendChild(document.createElement('div')); "
    "const s = e.attachShadow({mode: 'open'}); s.innerHTML = '<slot></slot><p>s'; }",
    "huge page": "document.body.innerHTML = '<p><b>x</b></p>'.repeat(2e5)",
    "deep page": "let e = document.body; for (let i = 0; i < 5e4; i++) "
    "e = e.appendChild(document.createElement('div')); "
    "e.append('deep')",
    "huge attribute": "document.body.title = 'x'.repeat(5e7); document.body.innerHTML = '<p></p>'; "
    "document.body.firstChild.title = document.body.title",
    "huge text": "document.body.textContent = 'word '.repeat(1e7)",
    "huge picture": "document.body.innerHTML = '<div style=\"width: 2e7px; height: 2e7px; background: red\">'",
    "JSON and Math redefined": "JSON.stringify = JSON.parse = () => { throw 1; }; Math.round = Math.max = () => NaN",
    "arrays redefined": "Array.prototype.push = Array.prototype.map = Array.prototype[Symbol.iterator] = "
    "() => { throw new Error('mine'); }",
    "objects redefined": "for (const n of ['html', 'refs', 'boxes', 'points', 'value', 'done']) "
    "Object.defineProperty(Object.prototype, n, {get() { throw 1; }, set() { throw 1; }})",
    "maps redefined": "WeakMap.prototype.get = WeakMap.prototype.set = Set.prototype.has = () => { throw 1; }",
    "strings redefined": "String.prototype.replace = () => ({}); RegExp.prototype.test = () => true; "
    "String.prototype.toWellFormed = () => '<'",
    "html mangled": "String.prototype.replace = () => '<'",
    "getters that never end": "Object.defineProperty(Element.prototype, 'id', {get() { for (;;); }}); "
    "Object.defineProperty(Element.prototype, 'localName', {get() { for (;;); }})",
    "document redefined": "Object.defineProperty(Document.prototype, 'body', {get: () => ({childNodes: 5})})",
    "promises redefined": "Promise = function () { throw 1; }; window.setTimeout = () => 0",
    "boxes lie": "Element.prototype.getBoundingClientRect = () => ({left: NaN, top: 'x', right: {}, bottom: 1e300, "
    "width: 1e300, height: 1e300})",
    "page's script taken away": "try { delete window.__webagent; window.__webagent = {}; } catch {}",
}

PAGES = {
    "reload without end": "<p>page</p><script>location.reload()</script>",
    "navigation without end": "<p>page</p><script>setInterval(() => { location = '?' + Math.random(); }, 5)</script>",
    "refresh without end": "<meta http-equiv=refresh content='0'><p>page</p>",
    "redirects without end": None,
    "an answer that never comes": None,
    "an answer that breaks off": None,
    "no page": None,
    "frames in frames": "<p>page</p><iframe src='?1'></iframe><iframe src='?2'></iframe>",
}
"""Whole pages that an open-web episode is sent to; where None, the server does it."""
