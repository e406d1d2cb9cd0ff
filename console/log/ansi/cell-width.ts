/** How many columns characters take. Needed only where a line writes over itself. */

export interface Character {
  at: number;
  /** In UTF-16 units. */
  length: number;
  columns: number;
}

const TAB_COLUMNS = 8;
/** Marks, joiners and variation selectors stand on the character before them. */
const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/u;
/** What East Asian Width calls wide or full, roughly, and what is shown as a picture. */
const TWO_COLUMNS =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f000}-\u{1fbff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** @param column where the first of them stands: a tab reaches to the next stop */
export function* cellsOf(content: string, from: number, to: number, column: number): Generator<Character> {
  let here = column;
  for (let at = from; at < to;) {
    const code = content.codePointAt(at) ?? 0;
    const length = code > 0xffff ? 2 : 1;
    const columns = columnsOf(code, here);
    yield { at, length, columns };
    here += columns;
    at += length;
  }
}

function columnsOf(code: number, column: number): number {
  if (code === 0x09) return TAB_COLUMNS - (column % TAB_COLUMNS);
  if (code < 0x300) return 1;
  const character = String.fromCodePoint(code);
  if (NO_COLUMN.test(character)) return 0;
  return TWO_COLUMNS.test(character) ? 2 : 1;
}
