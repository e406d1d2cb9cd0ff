import { pasteable } from './visible.js';

/**
 * Copies to the clipboard. Browsers have a clipboard for https and localhost only; elsewhere what is selected can be
 * copied.
 * @returns whether it was copied
 */
export async function copyText(given: string): Promise<boolean> {
  const text = pasteable(given);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'only-heard';
  // inside of an open dialog, because nothing else on the page can have the focus then
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  try {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way where the page came by plain http
    return document.execCommand('copy');
  } finally {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
  }
}
