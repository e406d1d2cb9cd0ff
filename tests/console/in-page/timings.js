// What a benchmark asks a page about its own time, by the browser's clock, which begins at 0 with the navigation.
window.timings = {
  /** Tasks of more than 50 ms: { start, ms }. */
  longTasks: [],
  /** When the largest thing that was painted until now was painted. */
  largestPaint: 0,

  /** @returns a promise of when the selector's element was drawn, which fails if that takes a minute */
  drawn(selector) {
    const end = performance.now() + 60_000;
    return new Promise((resolve, reject) => {
      const look = () => {
        if (performance.now() > end) return reject(new Error(`${selector} is not drawn after a minute`));
        if (document.querySelector(selector) === null) return requestAnimationFrame(look);
        // the second frame begins when the first, which has the element, has been drawn
        return requestAnimationFrame(() => resolve(performance.now()));
      };
      look();
    });
  },

  /** Changes the address as a link on the page would. @returns how long it took until the selector's element was drawn */
  async jump(hash, selector) {
    const start = performance.now();
    window.location.hash = hash;
    return (await window.timings.drawn(selector)) - start;
  },

  /** @returns a promise of how long each frame of the next ms took */
  frames(ms) {
    const times = [];
    const end = performance.now() + ms;
    return new Promise((resolve) => {
      let last = performance.now();
      const next = (now) => {
        times.push(now - last);
        last = now;
        if (now < end) requestAnimationFrame(next);
        else resolve(times);
      };
      requestAnimationFrame(next);
    });
  },
};

new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) {
    window.timings.longTasks.push({ start: startTime, ms: duration });
  }
}).observe({ type: 'longtask', buffered: true });

new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) window.timings.largestPaint = startTime;
}).observe({ type: 'largest-contentful-paint', buffered: true });
