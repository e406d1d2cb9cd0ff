/**
 * Loads the code of a page. While no hive answers, the page that is shown stays. When one does, the console is loaded
 * anew at the address that was gone to: a hive of another version has the code under another name.
 */
const RETRY_MS = 1000;
/** Longer ago, another hive may have been there. */
const JUST_NOW_MS = 30_000;
const KEY = 'hivesync.reloaded';

export async function loadPage<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    await untilHiveAnswers();
    if (Date.now() - Number(sessionStorage.getItem(KEY)) < JUST_NOW_MS) throw error; // it would not help either
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
    return new Promise<T>(() => undefined);
  }
}

async function untilHiveAnswers(): Promise<void> {
  for (;;) {
    const isAnswered = await fetch('/v1/session', { credentials: 'same-origin' }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isAnswered) return;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
