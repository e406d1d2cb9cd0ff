/** Where a page begins, for those who read, and for those who hear it or use the keyboard. */
const main = (): HTMLElement | null => document.getElementById('main');

/** The next key is for the page. */
export function focusPage(): void {
  main()?.focus({ preventScroll: true });
}

/** Another page is shown: as a browser does, it begins at its top, and not where the last one was left. */
export function beginPage(): void {
  main()?.scrollTo({ top: 0 });
  // a page whose code has just come may be drawn already, and have given the focus to what it begins with
  if (main()?.contains(document.activeElement) !== true) focusPage();
}
