/**
 * What holds a connection is open only while somebody can see the page: a browser has six connections to a host by
 * HTTP/1.1, for all its tabs together, and the seventh request waits without an error.
 */
interface Held {
  open: () => void;
  close: () => void;
}

/** Whoever looks into another tab for a moment comes back to a page that has gone on. */
const GRACE_MS = 10_000;

/** Opens it at once. @returns a function that ends this, and closes nothing */
export function whileSeen({ open, close }: Held): () => void {
  let isOpen = true;
  let closing: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(closing);
    if (document.hidden) {
      closing = setTimeout(() => {
        if (isOpen) close();
        isOpen = false;
      }, GRACE_MS);
    } else if (!isOpen) {
      isOpen = true;
      open();
    }
  };
  document.addEventListener('visibilitychange', look);
  open();
  look();
  return () => {
    clearTimeout(closing);
    document.removeEventListener('visibilitychange', look);
  };
}
