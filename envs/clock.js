// The page's clock, made virtual: Date, performance.now, timeouts, intervals, animation frames and idle callbacks stand
// still until `advance(ms)` is called, and then run in order. Runs before any script of the page.
(() => {
  const EPOCH = 1735732800000; // 2025-01-01 12:00 UTC
  const FRAME = 48; // ms between animation frames: nobody sees those between two observations, and drawing them costs time
  const MAX_CALLBACKS = 20000; // in one advance: a page that never stops scheduling must not hang it
  const RealDate = Date;
  let now = EPOCH;
  let lastId = 0;
  const timers = new Map(); // id -> {at, callback, args, period}

  function schedule(callback, delay, args, period) {
    const id = ++lastId;
    delay = Math.max(period ? 1 : 0, Math.min(Number(delay) || 0, 2147483647));
    timers.set(id, { at: now + delay, callback, args, period: period ? delay : 0 });
    return id;
  }
  const cancel = (id) => { timers.delete(id); };

  function VirtualDate(...args) {
    if (!new.target) return new RealDate(now).toString();
    return Reflect.construct(RealDate, args.length ? args : [now], new.target);
  }
  VirtualDate.prototype = RealDate.prototype;
  VirtualDate.prototype.constructor = VirtualDate;
  Object.assign(VirtualDate, { UTC: RealDate.UTC, parse: RealDate.parse, now: () => now });
  Object.defineProperty(VirtualDate, "name", { value: "Date" });

  window.Date = VirtualDate;
  Performance.prototype.now = () => now - EPOCH;
  window.setTimeout = (callback, delay, ...args) => schedule(callback, delay, args, false);
  window.setInterval = (callback, delay, ...args) => schedule(callback, delay, args, true);
  window.requestAnimationFrame = (callback) => schedule(() => callback(now - EPOCH), FRAME - ((now - EPOCH) % FRAME), [], false);
  window.requestIdleCallback = (callback) => schedule(() => callback({ didTimeout: false, timeRemaining: () => 10 }), 1, [], false);
  window.clearTimeout = window.clearInterval = window.cancelAnimationFrame = window.cancelIdleCallback = cancel;

  function nextDue(until) {
    let found = 0, earliest = Infinity;
    for (const [id, timer] of timers) {
      if (timer.at <= until && timer.at < earliest) { found = id; earliest = timer.at; }
    }
    return found;
  }

  const clock = {
    async advance(milliseconds) {
      const until = now + milliseconds;
      for (let count = 0; count < MAX_CALLBACKS; count++) {
        const id = nextDue(until);
        if (!id) break;
        const timer = timers.get(id);
        now = Math.max(now, timer.at);
        if (timer.period) timer.at += timer.period; else timers.delete(id);
        try {
          if (typeof timer.callback === "function") timer.callback.apply(window, timer.args);
          else (0, eval)(String(timer.callback));
        } catch (error) { console.error(error); }
        await null; // promises settle between timers, as in a browser's event loop
      }
      now = until;
    },
    pending: () => timers.size,
    rewind() { now = EPOCH; },
  };
  Object.defineProperty(window, "__webagentClock", { value: clock });
})();
