// What can be reached by the tabulator key, and whether one sees where one is.
window.focusOrder = {
  /** Everything that a click would do something with, and that is shown. Rows of grids and logs have keys of their own. */
  reachable: () =>
    Array.from(document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')).filter(
      (element) =>
        element.tabIndex >= 0 &&
        !element.disabled &&
        element.checkVisibility({ visibilityProperty: true }) &&
        // of radio buttons that belong together, the chosen one is reached
        !(element.type === 'radio' && !element.checked),
    ),

  /** @returns a name for the element, to be read in a failure */
  nameOf: (element) =>
    `${element.tagName.toLowerCase()} ${element.getAttribute('aria-label') ?? element.textContent.trim().slice(0, 60)}`,

  names: () => window.focusOrder.reachable().map(window.focusOrder.nameOf),

  /** @returns the name of what has the focus, and whether one sees it */
  current() {
    const element = document.activeElement;
    if (element === null || element === document.body) return null;
    const { outlineStyle, outlineWidth, boxShadow } = window.getComputedStyle(element);
    const hasOutline = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1;
    return { name: window.focusOrder.nameOf(element), isSeen: hasOutline || boxShadow !== 'none' };
  },
};
