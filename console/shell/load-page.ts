/**
 * Loads the code of a page. While no hive answers, the page that is shown stays. When one does, the console is loaded
 * anew at the address that was gone to: a hive of another version has the code under another name.
 */
import { untilHiveAnswers } from '../hive/session.js';

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
