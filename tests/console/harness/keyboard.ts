/** Somebody who has a keyboard and nothing else. */
import type { Locator, Page } from 'playwright-core';

/** More stops than any page has. */
const MOST_STOPS = 150;

/** Presses the tabulator key until the element has the focus. @throws Error if that never happens */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  await element.first().waitFor();
  const focused = element.and(page.locator(':focus'));
  for (let stop = 0; stop < MOST_STOPS; stop++) {
    if ((await focused.count()) > 0) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`the tabulator key does not lead to ${String(element)}`);
}

/** Reaches the button or link by the tabulator key, and presses Enter on it. */
export async function press(page: Page, element: Locator): Promise<void> {
  await tabTo(page, element);
  await page.keyboard.press('Enter');
}

/** Presses `g` twice at one moment: however slow the machine is, no pause ends the sequence before its second key. */
export async function pressGg(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const key = { key: 'g', code: 'KeyG', windowsVirtualKeyCode: 71, timestamp: Date.now() / 1000 };
  for (const type of ['keyDown', 'keyUp', 'keyDown', 'keyUp'] as const) {
    await session.send('Input.dispatchKeyEvent', { type, ...key, ...(type === 'keyDown' && { text: 'g' }) });
  }
  await session.detach();
}

interface Focus {
  name: string;
  isSeen: boolean;
}

/**
 * Goes once through everything that the tabulator key reaches.
 * @returns what it should reach and did not, and where one would not see the focus
 */
export async function walkByTab(page: Page): Promise<{ unreached: string[]; unseen: string[] }> {
  const names = await page.evaluate<string[]>('focusOrder.names()');
  const seen = new Map<string, boolean>();
  for (let stop = 0; stop < Math.min(MOST_STOPS, names.length + 5); stop++) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate<Focus | null>('focusOrder.current()');
    if (focus) seen.set(focus.name, focus.isSeen);
  }
  return {
    unreached: names.filter((name) => !seen.has(name)),
    unseen: [...seen].filter(([, isSeen]) => !isSeen).map(([name]) => name),
  };
}
