/** Where a page begins, for those who read, and for those who hear it or use the keyboard. */
const main = (): HTMLElement | null => document.getElementById('main');

/** The next key is for the page. */
export function focusPage(): void {
  main()?.focus({ preventScroll: true });
}

let given: HTMLElement | undefined;

/** Gives the focus to where the page that is just being shown begins to be used, instead of to the page itself. */
export function beginWith(element: HTMLElement | null): void {
  element?.focus();
  given = element ?? undefined;
}

/** Another page is shown: as a browser does, it begins at its top, and not where the last one was left. */
export function beginPage(): void {
  main()?.scrollTo({ top: 0 });
  // the router calls after the page was mounted
  if (given === undefined || document.activeElement !== given) focusPage();
  given = undefined;
}
