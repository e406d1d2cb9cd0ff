/**
 * Whether keys of one character do something. Who speaks to the computer, or touches keys by accident, switches them off.
 * Kept in this browser.
 */
import { signal } from '@preact/signals';

const KEY = 'hivesync.character-keys';

export const areCharacterKeysOn = signal(kept());

export function setCharacterKeys(isOn: boolean): void {
  areCharacterKeysOn.value = isOn;
  try {
    localStorage.setItem(KEY, isOn ? 'on' : 'off');
  } catch {
    // a browser that keeps nothing: it lasts until the page is closed
  }
}

/** @param keys as a binding has them */
export const hasCharacters = (keys: string): boolean => keys.split(' ').some((key) => key.length === 1);

function kept(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}
