// Tells the recorder what a person does: every gesture, with the page as it was just before it. Runs after page.js and web.js.
// The page's scripts cannot make anything up: the binding is taken from them, and only input that is trusted counts.
(() => {
  const send = window.__webagentRecord;
  delete window.__webagentRecord;
  let agent = null;
  try { agent = top.__webagent; } catch { return; } // in a frame of another site, which is not read either
  if (!send || !agent) return;
  const { stringify } = JSON;
  const VALUES = new Set("number date time month week datetime-local color range".split(" "));
  const BUTTONS = new Set("button submit reset image".split(" "));

  // What a key does to an element: "lines" and "text" take words, "value" has keys of its own, as have "list" and "toggle".
  function kindOf(element) {
    const tag = element.localName;
    if (tag === "textarea" || element.isContentEditable) return "lines";
    if (tag === "select") return "list";
    if (tag !== "input" || BUTTONS.has(element.type)) return "";
    if (element.type === "checkbox" || element.type === "radio") return "toggle";
    return element.type === "file" || VALUES.has(element.type) ? "value" : "text";
  }

  function valueOf(element, kind) {
    const label = (option) => option.textContent.replace(/\s+/g, " ").trim().toWellFormed();
    if (kind === "list") return [...element.selectedOptions].map(label);
    if (element.type === "file") return [...element.files].map((file) => file.name.toWellFormed());
    return [(element.isContentEditable ? element.textContent : element.value).toWellFormed()];
  }

  // `before`: whether this begins something, so that the page as it is now is what it was decided on. Refs of a page that
  // nobody has read yet count from some high number, for those of the pages before must not come again.
  function tell(event, kind, before, fields = {}) {
    if (!event.isTrusted) return;
    const seen = before ? agent.web.observe(1e8 + Math.floor(performance.timeOrigin) % 1e8, OPTIONS) : null;
    const path = event.composedPath().filter((node) => node instanceof Element);
    const refs = path.map((element) => agent.ref(element)).filter((ref) => ref !== undefined);
    const ref = refs.find((ref) => !seen || seen.refs.includes(ref));
    const field = path.length ? kindOf(path[0]) : "";
    send(stringify({ kind, seen, ref: ref === undefined ? -1 : ref, field, ...fields }));
  }

  const place = (event) => ({ x: event.clientX, y: event.clientY });
  const listen = (type, tells) => addEventListener(type, tells, { capture: true, passive: true });
  let keyed = null; // the field that a run of keys goes into
  listen("pointerdown", (event) => { keyed = null; if (event.button === 0) tell(event, "down", true, place(event)); });
  listen("pointerup", (event) => { if (event.button === 0) tell(event, "up", false, place(event)); });
  listen("dblclick", (event) => tell(event, "dblclick", false));
  listen("keydown", (event) => {
    const held = ["Control", "Alt", "Meta"].filter((name) => event.getModifierState(name));
    if (event.shiftKey && event.key.length > 1) held.push("Shift");
    const goesOn = event.key.length === 1 && !held.length && keyed === event.composedPath()[0];
    keyed = event.key.length === 1 ? event.composedPath()[0] : null;
    tell(event, "key", !goesOn, { key: [...held, event.key === " " ? "Space" : event.key].join("+") });
  });
  for (const type of ["input", "change"]) listen(type, (event) => {
    const target = event.composedPath()[0];
    const kind = kindOf(target);
    if (kind) tell(event, "value", false, { values: kind === "toggle" ? [] : valueOf(target, kind) });
  });
})();
