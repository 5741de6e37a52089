// What a MiniWoB++ page needs besides page.js: start an episode, read its reward.
(() => {
  const NEVER = 2147483647;
  const agent = window.__webagent;
  const clock = window.__webagentClock;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync("#reward-display,#click-canvas,#sync-task-cover{display:none!important}");
  // The curtain, drawn when the pointer is parked and lifted by `start`. It hides what is being reset, but its use is the
  // redrawing: input that changes nothing to be seen keeps the browser's frame open, and the next picture waiting, for up
  // to 1/60 s.
  const curtain = new CSSStyleSheet({ disabled: true });
  curtain.replaceSync("html{opacity:0!important}");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet, curtain];
  window.addEventListener("mousedown", ({ clientX }) => { if (clientX < 0) curtain.disabled = false; }, true);

  function rest() {
    if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
    document.getSelection().removeAllRanges();
    for (const element of document.querySelectorAll("*")) if (element.scrollTop || element.scrollLeft) element.scrollTo(0, 0);
    window.scrollTo(0, 0);
  }

  // Pictures named in style sheets are fetched only when first shown, in real time. Fetched beforehand, and kept, they are
  // there in the first screenshot as in all later ones.
  const pictures = [];
  function pictureAddresses() {
    const found = new Set();
    for (const { href, cssRules } of document.styleSheets) {
      for (const rule of cssRules) for (const [, address] of rule.cssText.matchAll(/url\("([^"]+)"\)/g)) {
        if (!/^@font-face/.test(rule.cssText)) found.add(new URL(address, href || location.href).href);
      }
    }
    return found;
  }

  agent.miniwob = {
    // To be called once after the page has been loaded.
    async ready() {
      for (const address of pictureAddresses()) { const picture = new Image(); picture.src = address; pictures.push(picture); }
      await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
      await document.fonts.ready;
    },
    // Returns what is to be seen, with the instruction, or null where what is left of the last episode still moves: then the
    // page has to be loaded anew. A page that was just loaded may have something that always moves.
    async start(seed, milliseconds, fresh, options) {
      rest();
      if (!fresh) await clock.advance(1000);
      if (core.EP_TIMER !== null) { clearTimeout(core.EP_TIMER); core.EP_TIMER = null; }
      core.clearTimer();
      if (!fresh && clock.pending()) return null;
      rest();
      curtain.disabled = true;
      clock.rewind();
      agent.forget();
      core.EPISODE_MAX_TIME = NEVER;
      WOB_EPISODE_ID = 0;
      WOB_TASK_READY = true;
      Math.seedrandom(seed);
      core.startEpisodeReal();
      await clock.advance(milliseconds);
      for (let waited = 0; !WOB_TASK_READY && waited < 100; waited++) await clock.advance(100);
      const utterance = core.getUtterance();
      const instruction = (typeof utterance === "string" ? utterance : utterance.utterance).toWellFormed();
      return { ...await agent.miniwob.observe(0, options), instruction };
    },
    async observe(milliseconds, options) {
      if (milliseconds) await clock.advance(milliseconds);
      await Promise.all([...document.images].filter((i) => !i.complete).map((image) => image.decode().catch(() => {})));
      return { ...agent.observe(options), done: WOB_DONE_GLOBAL === true, rawReward: Number(WOB_RAW_REWARD_GLOBAL) || 0 };
    },
  };
})();
