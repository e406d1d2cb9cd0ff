/** Whether the page is as narrow as a phone, where a row is a card of three lines. */
import { signal } from '@preact/signals';

/** The same as in attempt-grid.css. */
const query = matchMedia('(max-width: 720px)');
const isNarrow = signal(query.matches);
query.addEventListener('change', () => (isNarrow.value = query.matches));

const ROW_HEIGHT = 36;
const CARD_HEIGHT = 84;

/** @returns the height of each row in pixels */
export const rowHeight = (): number => (isNarrow.value ? CARD_HEIGHT : ROW_HEIGHT);
