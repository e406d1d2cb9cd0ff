/** Whether somebody is at the page: a session ends some hours after anyone was, however much the page asks by itself. */

/** What a page asks for so long after a person did something may still follow from that. */
const STILL_THERE_MS = 5 * 60_000;
/** Somebody who only scrolls in what is loaded asks the hive nothing: it is told now and then. */
const TELL_MS = 10 * 60_000;

const UNATTENDED = { 'X-Hivesync-Unattended': '1' };
const TOUCHES = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchmove'] as const;

let touchedAt = performance.now(); // somebody has opened the page
let toldAt = touchedAt;

/** @returns what goes with each request, so that those which nobody caused do not count as use of the session */
export function attendance(): Record<string, string> {
  const now = performance.now();
  if (now - touchedAt > STILL_THERE_MS) return UNATTENDED;
  toldAt = now;
  return {};
}

/**
 * @param tell asks the hive something, now that somebody is there
 * @returns a function that ends it
 */
export function watchAttendance(tell: () => void): () => void {
  const touched = (): void => {
    touchedAt = performance.now();
    if (touchedAt - toldAt > TELL_MS) tell();
  };
  const how = { capture: true, passive: true };
  for (const touch of TOUCHES) addEventListener(touch, touched, how);
  return () => {
    for (const touch of TOUCHES) removeEventListener(touch, touched, how);
  };
}
