// The one in-page pass: writes the page as compact HTML with refs, boxes and live state. `envs/html.py` reads it back.
// Runs before any script of the page, because it has to see which elements get listeners.
(() => {
  const MOUSE_EVENTS = new Set(["click", "dblclick", "mousedown", "mouseup", "mouseover", "mouseenter", "mousemove",
    "pointerdown", "pointerup", "touchstart", "dragstart"]);
  const ACTIVE_TAGS = new Set(["a", "button", "input", "select", "textarea", "li", "summary", "label"]);
  const SKIPPED_TAGS = new Set(["script", "style", "template", "noscript", "head", "meta", "link", "title", "defs"]);
  const VOID_TAGS = new Set("input img br hr area col embed source track wbr canvas textarea".split(" "));
  const GENERIC_TAGS = new Set(["div", "span", "tbody", "center", "section", "article", "main", "g", "form", "p"]);
  const TEXT_ATTRIBUTES = ["for", "placeholder", "alt", "title", "aria-label", "role"];
  const SVG_ATTRIBUTES = ["x", "y", "font-size", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "points", "d",
    "transform", "fill", "stroke"];
  const COLOURS = [["background-color", "backgroundColor"], ["color", "color"], ["fill", "fill"], ["stroke", "stroke"]];
  const SVG = "http://www.w3.org/2000/svg";
  // Beyond these a page is not written: nobody reads them, and a page must not be able to make writing it endless. No task's
  // page comes near them. An episode on the open web sets tighter ones.
  const MAX_DEPTH = 200, MAX_NODES = 100000, MAX_CHARACTERS = 4000000, MAX_VALUE = 8000, MAX_TEXT = 40000;
  const GENERATED_ID = /^(ui-id-|dp|ui-accordion-|ui-tooltip-)[\w-]*\d/; // counters of widget libraries: differ from run to run

  // Which elements listen to the mouse: element -> number of such listeners.
  const listeners = new WeakMap();
  const count = (target, type, by) => {
    if (MOUSE_EVENTS.has(type) && target instanceof Element) listeners.set(target, Math.max(0, (listeners.get(target) || 0) + by));
  };
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    if (listener) count(this, type, 1);
    return addEventListener.call(this, type, listener, options);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    if (listener) count(this, type, -1);
    return removeEventListener.call(this, type, listener, options);
  };
  const listens = (element) => listeners.get(element) > 0 || element.onclick || element.onmousedown || element.onmouseup ||
    element.ondblclick || element.onpointerdown;

  // Of a password's selected characters Chromium says that their drag begins, and then begins none: who waits for it, as
  // Playwright does in a mouse move, waits for ever.
  addEventListener.call(window, "dragstart", (event) => {
    if (event.target instanceof Element && event.target.matches("input[type=password]")) event.preventDefault();
  }, true);

  let refs = new WeakMap();  // element -> ref
  let elements = [];         // ref -> element
  let inView = [];           // ref -> where its box was to be seen when the page was read last
  function refOf(element) {
    let ref = refs.get(element);
    if (ref === undefined) { ref = elements.length; elements.push(element); refs.set(element, ref); }
    return ref;
  }

  const CUT = "\u2026"; // as in html.py
  const cut = (text, length) => text.length > length ? text.slice(0, length) + CUT : text;
  // What a document may not hold: lone surrogates. What HTML must not hold bare: & < > ".
  const clean = (text) => text.toWellFormed().replace(/\u00a0/g, " ").replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, "");
  const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  const escapeText = (text) => text.replace(/[&<>]/g, (c) => ENTITIES[c]);
  const plain = (text) => escapeText(text.replace(/\s+/g, " "));
  const escapeValue = (text) => text.replace(/[&<>"]/g, (c) => ENTITIES[c]);
  const attribute = (name, value) => {
    value = clean(cut(String(value), MAX_VALUE));
    return /^[\w.:#%/()-]+$/.test(value) ? ` ${name}=${value}` : ` ${name}="${escapeValue(value)}"`;
  };
  // Spaces once each, but for those in the attributes of a tag: a field's value is what it is.
  const once = (html) => html.replace(/<[^<>"]*(?:"[^"]*"[^<>"]*)*>| {2,}/g, (part) => part[0] === "<" ? part : " ").trim();
  const round = (text) => text.replace(/-?\d+\.\d+(e-?\d+)?/g, (number) => String(Math.round(number * 10) / 10 + 0));

  const intersect = (a, b) => ({
    left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom),
  });
  const isEmpty = (rect) => rect.right - rect.left < 1 || rect.bottom - rect.top < 1;
  const FLOWS = { overflowX: "auto", overflowY: "auto" };
  const EVERYWHERE = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };

  // The directions in which an element can still be scrolled, as its scroll bars show them.
  function scrollsTo(element, style) {
    const flows = (value) => value === "auto" || value === "scroll";
    if (!flows(style.overflowX) && !flows(style.overflowY)) return "";
    const { scrollTop, scrollLeft, scrollHeight, scrollWidth, clientHeight, clientWidth } = element;
    const directions = [];
    if (flows(style.overflowY) && scrollTop > 1) directions.push("up");
    if (flows(style.overflowY) && scrollTop + clientHeight < scrollHeight - 1) directions.push("down");
    if (flows(style.overflowX) && scrollLeft > 1) directions.push("left");
    if (flows(style.overflowX) && scrollLeft + clientWidth < scrollWidth - 1) directions.push("right");
    return directions.join(" ");
  }

  // A point of the element that a click hits: of the points of its visible box that lie inside its shape, and that nothing
  // else covers, the one nearest to the middle.
  function pointOf(element, visible, origin) {
    let area = visible;
    if (element.namespaceURI !== SVG) {
      const lines = element.getClientRects(); // a link broken over two lines: its box's middle may lie beside it
      if (lines.length > 1 && lines.length < 100) {
        for (const bare of lines) {
          const line = moved(bare, origin); const part = intersect(line, visible);
          if (!isEmpty(part)) { area = part; break; }
        }
      }
    }
    const middle = [(area.left + area.right) / 2, (area.top + area.bottom) / 2];
    const matrix = element.isPointInFill && element.getScreenCTM && element.getScreenCTM();
    const inverse = matrix && matrix.inverse();
    const inside = (x, y) => {
      if (!inverse) return true;
      const point = new DOMPoint(x - origin.x, y - origin.y).matrixTransform(inverse);
      return element.isPointInFill(point) || element.isPointInStroke(point);
    };
    const root = element.getRootNode();
    const onTop = (x, y) => {
      const hit = root.elementFromPoint(x - origin.x, y - origin.y);
      if (!hit || element.contains(hit)) return true;
      const label = hit.closest("label");
      return label !== null && label.control === element;
    };
    if (inside(...middle) && onTop(...middle)) return middle;
    const parts = inverse ? 24 : 8;
    const grid = (low, high) => { // what is almost covered shows at its rim only
      const points = [low + 1, high - 1];
      for (let i = 1; i < parts; i++) points.push(low + (high - low) * i / parts);
      return points;
    };
    const candidates = [];
    for (const x of grid(area.left, area.right)) for (const y of grid(area.top, area.bottom)) {
      if (inside(x, y)) candidates.push([x, y]);
    }
    const distance = ([x, y]) => Math.hypot(x - middle[0], y - middle[1]);
    candidates.sort((a, b) => distance(a) - distance(b));
    return candidates.find((point) => onTop(...point)) || candidates[0] || middle;
  }

  function attributesOf(element, tag, style) {
    let text = "";
    const id = element.id;
    if (id && typeof id === "string" && !GENERATED_ID.test(id)) text += attribute("id", id);
    const classes = element.getAttribute("class");
    if (classes && classes.trim()) text += attribute("class", [...new Set(cut(classes, MAX_VALUE).trim().split(/\s+/))].sort().join(" "));
    if (tag === "input") {
      if (element.type !== "text" || element.hasAttribute("type")) text += attribute("type", element.type);
      const toggles = element.type === "checkbox" || element.type === "radio";
      const value = toggles ? element.getAttribute("value") : element.value;
      if (value) text += attribute("value", value);
      if (toggles && element.checked) text += " checked";
    } else if (tag === "textarea") {
      if (element.value) text += attribute("value", element.value);
    } else if (tag === "option" && element.selected) text += " selected";
    else if (tag === "select" && element.multiple) text += " multiple";
    for (const name of TEXT_ATTRIBUTES) {
      const value = element.getAttribute(name);
      if (value && !(name === "for" && GENERATED_ID.test(value))) text += attribute(name, value);
    }
    if (element.namespaceURI === SVG) {
      for (const name of SVG_ATTRIBUTES) {
        const value = element.getAttribute(name);
        if (value !== null && value !== "") text += attribute(name, round(cut(value, MAX_VALUE)));
      }
    }
    const colours = [];
    if (element.hasAttribute("style")) {
      for (const [name, property] of COLOURS) if (element.style && element.style[property]) colours.push(`${name}: ${element.style[property]}`);
    }
    if (colours.length) text += attribute("style", colours.join("; "));
    if (element.disabled) text += " disabled";
    if (element.readOnly && (tag === "input" || tag === "textarea")) text += " readonly";
    if (element === element.getRootNode().activeElement) text += " focused";
    if (element.isContentEditable && !(element.parentElement && element.parentElement.isContentEditable)) text += " contenteditable";
    return text;
  }

  const isActive = (element, tag) => ACTIVE_TAGS.has(tag) || element.hasAttribute("role") || element.hasAttribute("tabindex") ||
    (element.isContentEditable && !(element.parentElement && element.parentElement.isContentEditable));

  // A copy of a box, moved: each look at the browser's own object costs.
  const moved = ({ left, top, width, height, right, bottom }, { x, y }) =>
    ({ left: left + x, top: top + y, width, height, right: right + x, bottom: bottom + y });

  // The document of a frame that this one may read, with the agent that watches it.
  function inFrame(element, tag) {
    if (tag !== "iframe" && tag !== "frame") return null;
    try {
      const inner = element.contentWindow.__webagent;
      return inner && element.contentDocument.body ? { document: element.contentDocument, listens: inner.listens } : null;
    } catch { return null; } // of another site
  }

  // A page that is too long is written as far as it is near the viewport: with less and less around it, until it fits.
  function observe(options) {
    const bands = options.maxCharacters ? [Infinity, 1, 0] : [Infinity];
    if (bands.length > 1 && document.getElementsByTagName("*").length > 2 * options.maxElements) bands.shift();
    for (;;) {
      const { full, ...seen } = writePage(options, bands.shift());
      if (!full || !bands.length) return seen;
    }
  }

  // `deep`: whether to look into frames and shadow trees. `texts`: whether to say where text leaves its box. `screens`: how many viewports around the viewport are written.
  function writePage({ maxElements, maxCharacters = MAX_CHARACTERS, furniture, deep, texts }, screens) {
    const near = { left: -innerWidth * screens, top: -innerHeight * screens, right: innerWidth * (1 + screens), bottom: innerHeight * (1 + screens) };
    let nodes = 0, characters = 0, depth = 0, full = false;
    let frame = { origin: { x: 0, y: 0 }, listens };
    const view = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
    const hidden = new Set(furniture || []);
    const boxes = [], refList = [];
    const places = []; // of each element its box, and, where `texts`, the area that its text takes
    let place = null;
    inView = [];
    let query = document.getElementById("query");
    if (!furniture) query = null;
    // Pages with editors of their own let a field that cannot be seen take the keys: it is written while it does.
    const focus = document.activeElement === document.body ? null : document.activeElement;

    function inlineSibling(node) {
      if (!node) return false;
      if (node.nodeType === Node.TEXT_NODE) return true;
      return node.nodeType === Node.ELEMENT_NODE && getComputedStyle(node).display.startsWith("inline");
    }

    // What lies outside `hard` no scrolling brings into view, what lies outside `soft` scrolling does. `scrolled` is how far
    // all around it has been scrolled: what lies further out to the left or top can never be reached. `wordless`: of the
    // instruction, which has its own place in the observation, only colours and icons are written.
    function write(node, hard, soft, scrolled, wordless) {
      if (++nodes > MAX_NODES || characters > maxCharacters || refList.length >= maxElements) { full = true; return ""; }
      if (node.nodeType === Node.TEXT_NODE) {
        if (wordless) return "";
        const text = clean(node.length > MAX_TEXT ? node.substringData(0, MAX_TEXT) + CUT : node.data);
        characters += text.length;
        if (/\S/.test(text)) {
          if (texts && place) widen(place, intersect(areaOf(node), soft));
          return node.parentElement && node.parentElement.isContentEditable ? writeWords(node, soft) : plain(text);
        }
        return text && inlineSibling(node.previousSibling) && inlineSibling(node.nextSibling) ? " " : "";
      }
      if (node.nodeType !== Node.ELEMENT_NODE) return "";
      const element = node, tag = element.localName.toLowerCase();
      if (SKIPPED_TAGS.has(tag) || !/^[a-z][a-z0-9-]*$/.test(tag) || hidden.has(element.id)) return "";
      if (tag === "br") return wordless ? "" : " ";
      if (deep && tag === "slot") { // has no box of its own
        let slotted = "";
        for (const child of childrenOf(element, tag)) slotted += writeInner(child, hard, soft, scrolled, wordless);
        return slotted;
      }
      const isOption = tag === "option" || tag === "optgroup";
      // An element with display:contents, which has no box, does not count as visible; what is in it can be.
      const appears = (visibilityProperty) => element.checkVisibility({ opacityProperty: true, visibilityProperty }) ||
        getComputedStyle(element).display === "contents";
      if (!isOption && element !== focus && !appears(true)) {
        // visibility:hidden can be undone by a child, display:none and opacity cannot
        if (!element.firstElementChild || !appears(false)) return "";
        let inner = "";
        for (const child of childrenOf(element, tag)) if (child.nodeType === Node.ELEMENT_NODE) inner += writeInner(child, hard, soft, scrolled, wordless);
        return inner;
      }
      const style = getComputedStyle(element);
      const { origin } = frame;
      const rect = moved(element.getBoundingClientRect(), origin);
      if (element !== focus && rect.width <= 1 && rect.height <= 1 && style.overflowX === "hidden") return ""; // for screen readers only
      if (style.position === "fixed") { hard = EVERYWHERE; soft = view; scrolled = { x: 0, y: 0 }; }
      const hasArea = element === focus || rect.width >= 1 && rect.height >= 1 ||
        (element.namespaceURI === SVG && (rect.width >= 1 || rect.height >= 1));
      const clipped = !isOption && (isEmpty(intersect(hard, pad(rect))) || rect.right + scrolled.x <= 0 || rect.bottom + scrolled.y <= 0);
      if (element === query) wordless = true;
      if (screens < Infinity && hasArea && !isOption && isEmpty(intersect(pad(rect), near))) return "";

      const shown = isOption || (hasArea && !clipped);
      const visible = intersect(pad(rect), soft);
      const inner = deep && shown && inFrame(element, tag);
      const scrolls = !shown ? "" : inner ? scrollsTo(inner.document.scrollingElement || inner.document.body, FLOWS) : scrollsTo(element, style);
      let own = "", ref = -1;
      if (shown) {
        own = attributesOf(element, tag, style);
        // Where one listener of a page's root serves all, the pointer's form is what tells people where to click.
        const points = deep && style.cursor === "pointer" && element.parentElement &&
          getComputedStyle(element.parentElement).cursor !== "pointer";
        const icon = !element.firstChild && / class=/.test(own);
        if (wordless) { if (!icon && !/ style=/.test(own)) own = null; }
        else if (!isOption && tag !== "body" && (scrolls || points || isActive(element, tag) || frame.listens(element))) ref = refOf(element);
      } else own = null;

      const index = refList.length, outer = place;
      if (own !== null) {
        refList.push(ref); boxes.push(rect.left, rect.top, rect.width, rect.height);
        places.push(place = { rect, text: null });
        characters += own.length + 2 * tag.length;
      }
      let innerHard = hard, innerSoft = soft, inside = scrolled;
      if (style.overflowX !== "visible" || style.overflowY !== "visible") {
        innerSoft = intersect(soft, rect);
        const cuts = (value) => value === "hidden" || value === "clip";
        if (cuts(style.overflowX) && cuts(style.overflowY)) innerHard = intersect(hard, rect);
        else if (cuts(style.overflowY)) innerHard = intersect(hard, { ...EVERYWHERE, top: rect.top, bottom: rect.bottom });
        else if (cuts(style.overflowX)) innerHard = intersect(hard, { ...EVERYWHERE, left: rect.left, right: rect.right });
      }
      if (style.overflowX !== "visible" || style.overflowY !== "visible" || tag === "body") { // nothing else scrolls
        inside = { x: scrolled.x + element.scrollLeft, y: scrolled.y + element.scrollTop };
      }
      let content = "";
      const textShown = shown || style.display === "contents" && style.visibility === "visible";
      if (inner) content = writeFrame(element, inner, rect, soft, wordless);
      else if (!VOID_TAGS.has(tag)) for (const child of childrenOf(element, tag)) {
        if (textShown || child.nodeType !== Node.TEXT_NODE) content += writeInner(child, innerHard, innerSoft, inside, wordless);
        if (full) break;
      }
      const { text } = place || {};
      place = outer;
      if (own === null) return content;

      const empty = isEmpty(visible);
      const hasText = () => {
        for (let child = element.firstChild; child; child = child.nextSibling) {
          if (child.nodeType === Node.TEXT_NODE && /\S/.test(child.data)) return true;
        }
        return false;
      };
      if (own === "" && ref < 0 && GENERIC_TAGS.has(tag) && !hasText()) { // says nothing: its children stand for it
        refList.splice(index, 1); boxes.splice(4 * index, 4); places.splice(index, 1);
        if (text && place) widen(place, text);
        return content;
      }
      if (ref >= 0) {
        own = ` ref=${ref}${own}`;
        if (!empty) inView[ref] = { visible, origin };
      }
      if (empty && !isOption) own += " offscreen";
      if (scrolls) own += attribute("scrollable", scrolls);
      const voidTag = VOID_TAGS.has(tag);
      return `<${tag}${own}>${voidTag ? "" : `${content}</${tag}>`}`;
    }

    function writeInner(...what) {
      if (depth >= MAX_DEPTH) return "";
      depth++;
      const text = write(...what);
      depth--;
      return text;
    }

    // Text that can be edited: each word that is in view as <w>, with a box of its own, since words are what an editor's user marks.
    function writeWords(node, soft) {
      const range = node.ownerDocument.createRange();
      const data = node.data.slice(0, MAX_TEXT);
      return data.replace(/\s+|\S+/g, (word, start) => {
        if (!/\S/.test(word) || refList.length >= maxElements) return plain(clean(word));
        range.setStart(node, start); range.setEnd(node, start + word.length);
        const rect = moved(range.getBoundingClientRect(), frame.origin);
        if (isEmpty(intersect(rect, soft))) return plain(clean(word));
        refList.push(-1); boxes.push(rect.left, rect.top, rect.width, rect.height);
        places.push({ rect, text: null });
        return `<w>${plain(clean(word))}</w>`;
      }) + (node.length > MAX_TEXT ? CUT : "");
    }

    function childrenOf(element, tag) {
      if (deep && element.shadowRoot) return element.shadowRoot.childNodes;
      const slotted = deep && tag === "slot" ? element.assignedNodes({ flatten: true }) : [];
      return slotted.length ? slotted : element.childNodes;
    }

    function writeFrame(element, { document, listens }, rect, soft, wordless) {
      const outer = frame, { scrollX, scrollY } = document.defaultView;
      frame = { origin: { x: rect.left + element.clientLeft, y: rect.top + element.clientTop }, listens };
      let content = "";
      for (const child of document.body.childNodes) {
        content += writeInner(child, EVERYWHERE, intersect(soft, rect), { x: scrollX - frame.origin.x, y: scrollY - frame.origin.y }, wordless);
      }
      frame = outer;
      return content;
    }

    function areaOf(textNode) {
      const range = textNode.ownerDocument.createRange();
      range.selectNode(textNode);
      return moved(range.getBoundingClientRect(), frame.origin);
    }

    function widen(place, { left, top, right, bottom }) {
      if (isEmpty({ left, top, right, bottom })) return;
      const { text } = place;
      place.text = !text ? { left, top, right, bottom } : {
        left: Math.min(left, text.left), top: Math.min(top, text.top),
        right: Math.max(right, text.right), bottom: Math.max(bottom, text.bottom),
      };
    }

    // A line of an SVG may have no width or no height: give it a pixel, so that it has a middle.
    function pad(rect) {
      return { left: rect.left, top: rect.top, right: Math.max(rect.right, rect.left + 1), bottom: Math.max(rect.bottom, rect.top + 1) };
    }

    let html = "";
    if (document.body) for (const child of document.body.childNodes) {
      html += write(child, EVERYWHERE, view, { x: scrollX, y: scrollY }, false);
      if (full) break;
    }
    const spills = [];
    places.forEach(({ rect, text }, index) => {
      const stays = !text || text.left >= rect.left && text.top >= rect.top && text.right <= rect.right && text.bottom <= rect.bottom;
      if (!stays) spills.push([index, text.left, text.top, text.right - text.left, text.bottom - text.top]);
    });
    return { full, spills, html: once(html), boxes: boxes.map((x) => Math.round(x * 100) / 100), refs: refList };
  }

  const agent = {
    // Begins to count refs anew, from `first`.
    forget(first = 0) { refs = new WeakMap(); elements = new Array(first); },
    observe,
    listens,
    element: (ref) => elements[ref],
    ref: (element) => refs.get(element),
    // Where to click it, or null where it was out of view. Found out for the one that is acted on only: on a large page
    // the browser takes some 10 ms to say what lies at a point.
    point: (ref) => inView[ref] ? pointOf(elements[ref], inView[ref].visible, inView[ref].origin) : null,
    scrollTo(ref) { elements[ref].scrollIntoView({ block: "center", inline: "center", behavior: "instant" }); },
    scroll(ref, direction) {
      const root = document.scrollingElement || document.documentElement;
      const frame = ref === null ? null : inFrame(elements[ref], elements[ref].localName);
      const target = ref === null ? root : frame ? frame.document.scrollingElement : elements[ref];
      const x = direction === "left" ? -1 : direction === "right" ? 1 : 0, y = direction === "up" ? -1 : direction === "down" ? 1 : 0;
      target.scrollBy({ left: x * target.clientWidth, top: y * target.clientHeight, behavior: "instant" });
    },
    // Date-like, colour and range fields have no text to type over: their value is set and announced as a browser does.
    // Returns what the field makes of the value; changes nothing where that is another one.
    setValue(ref, value) {
      const field = elements[ref], tried = field.cloneNode();
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
      set.call(tried, value);
      if (tried.value === value) {
        set.call(field, value);
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.dispatchEvent(new Event("change", { bubbles: true }));
      }
      return tried.value;
    },
    selectAll(ref) {
      const field = elements[ref];
      if (field.select) field.select();
      else field.ownerDocument.getSelection().selectAllChildren(field);
    },
    // Returns the labels that no option has; changes nothing where there are any.
    select(ref, labels) {
      const field = elements[ref], options = [...field.options];
      const label = (option) => option.textContent.replace(/\s+/g, " ").trim();
      const fits = (option, wanted) => label(option) === wanted || (option.value === wanted && !options.some((o) => label(o) === wanted));
      const missing = labels.filter((wanted) => !options.some((option) => fits(option, wanted) && !option.disabled));
      if (missing.length) return missing;
      field.blur(); // closes a list that is open, which would set its own choice later
      field.focus();
      for (const option of options) option.selected = labels.some((wanted) => fits(option, wanted));
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
      return [];
    },
  };
  Object.defineProperty(window, "__webagent", { value: agent });

  // Transitions, animations and a blinking caret would make pictures differ; so would the ring round the focused element,
  // which browsers show or not by what the last episode's input was: here it is always shown.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*,*::before,*::after{transition:none!important;animation:none!important;caret-color:transparent!important;scroll-behavior:auto!important}" +
    ":focus{outline:auto 1px -webkit-focus-ring-color!important}");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
})();
