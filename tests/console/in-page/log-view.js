// What a test asks the log's scroller that cannot be seen from outside the page.
window.logView = {
  /** @returns the scroller */
  scroller: () => document.querySelector('[role=region][aria-label=Log]'),

  lines: () => Array.from(window.logView.scroller().querySelectorAll('[data-line]')),

  /** @returns the number of the first line whose beginning is seen */
  firstSeen() {
    const { top } = window.logView.scroller().getBoundingClientRect();
    const seen = window.logView.lines().find((line) => line.getBoundingClientRect().top >= top - 1);
    return Number(seen?.dataset.line ?? NaN);
  },

  /** @returns the number of the last line that is seen, even of its beginning only */
  lastSeen() {
    const { bottom } = window.logView.scroller().getBoundingClientRect();
    const seen = window.logView.lines().filter((line) => line.getBoundingClientRect().top < bottom - 1);
    return Number(seen.at(-1)?.dataset.line ?? NaN);
  },

  /** @returns the highest number of a line that is drawn; 0 if none is */
  lastDrawn: () => Math.max(0, ...window.logView.lines().map((line) => Number(line.dataset.line))),

  /** @returns the numbers of the marked lines that are drawn */
  marked: () =>
    window.logView
      .lines()
      .filter((line) => line.getAttribute('aria-current') === 'true')
      .map((line) => Number(line.dataset.line)),

  /** @returns the numbers of the lines in which a search has marked something */
  found: () =>
    window.logView
      .lines()
      .filter((line) => line.querySelector('mark') !== null)
      .map((line) => Number(line.dataset.line)),

  /** Scrolls to a part of the whole, 0 to 1, as somebody does who tears at the scroll bar. */
  tear(part) {
    const scroller = window.logView.scroller();
    scroller.scrollTop = scroller.scrollHeight * part;
  },

  /** Selects from the beginning of one line's text to the end of another's. @returns what would be copied */
  select(from, to) {
    const text = (number) => document.querySelector(`[data-line="${number}"] .log-text`);
    const range = document.createRange();
    range.setStartBefore(text(from));
    range.setEndAfter(text(to));
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return selection.toString();
  },
};
