import { expect, test } from '@jest/globals';
import { copyText } from './copy-text.js';

test('what is copied has no control character that a terminal would obey, and keeps its lines and tabs', async () => {
  let copied = '';
  const clipboard = { writeText: (text: string) => Promise.resolve(void (copied = text)) };
  Object.defineProperty(globalThis, 'navigator', { value: { clipboard }, configurable: true });
  expect(await copyText('if x:\n\techo\u001b[201~\r\nrm -rf .\u009b31m\u0000')).toBe(true);
  expect(copied).toBe('if x:\n\techo␛[201~\nrm -rf .⟨U+009B⟩31m␀');
});
