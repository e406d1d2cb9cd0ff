/** A JSON value as the rows of a tree: which are seen depends on what is open. Pure, and lazy about what is closed. */

/** Of a longer object or list, the rest is shown when somebody asks for it, so many at a time. */
export const CHILDREN_AT_ONCE = 100;
/** A tree opens by itself only as far as it stays this small. */
const OPENED_ROWS = 40;

export interface ValueRow {
  kind: 'value';
  /** The places on the way to it: `0/2`. The same value always has the same. */
  id: string;
  /** From 1. */
  level: number;
  /** Of a member its name, of an item its number; null for the whole. */
  name: string | null;
  value: unknown;
  /** Undefined if it has nothing to open. */
  isOpen: boolean | undefined;
  position: number;
  siblings: number;
}

export interface MoreRow {
  kind: 'more';
  id: string;
  level: number;
  /** The row whose children it shows. */
  of: string;
  hidden: number;
}

export type Row = ValueRow | MoreRow;

export interface Opened {
  ids: ReadonlySet<string>;
  /** How many children are shown of those that have many. */
  shown: ReadonlyMap<string, number>;
}

export const ROOT = '0';

/** @returns the rows from top to bottom */
export function rowsOf(value: unknown, opened: Opened): Row[] {
  const rows: Row[] = [];
  addRows(rows, { id: ROOT, level: 1, name: null, value, position: 1, siblings: 1 }, opened);
  return rows;
}

function addRows(rows: Row[], row: Omit<ValueRow, 'kind' | 'isOpen'>, opened: Opened): void {
  const size = sizeOf(row.value);
  const isOpen = size === 0 ? undefined : opened.ids.has(row.id);
  rows.push({ kind: 'value', ...row, isOpen });
  if (isOpen !== true) return;
  const shown = Math.min(size, opened.shown.get(row.id) ?? CHILDREN_AT_ONCE);
  const level = row.level + 1;
  childrenOf(row.value, shown).forEach(([name, value], index) => {
    addRows(rows, { id: `${row.id}/${index}`, level, name, value, position: index + 1, siblings: size }, opened);
  });
  if (shown < size) rows.push({ kind: 'more', id: `${row.id}/more`, level, of: row.id, hidden: size - shown });
}

/** @returns how many children it has */
export function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function childrenOf(value: unknown, count: number): [name: string, value: unknown][] {
  if (Array.isArray(value)) return value.slice(0, count).map((item, index) => [String(index), item as unknown]);
  return Object.entries(value as object).slice(0, count) as [string, unknown][];
}

/** @returns what is open at first: level by level, as long as all of it is seen at a glance */
export function openedAtFirst(value: unknown): Set<string> {
  const open = new Set<string>();
  let rows = 1;
  let level: [id: string, value: unknown][] = [[ROOT, value]];
  while (level.length > 0) {
    const parents = level.filter(([, inner]) => sizeOf(inner) > 0);
    const count = parents.reduce((sum, [, inner]) => sum + Math.min(sizeOf(inner), CHILDREN_AT_ONCE), 0);
    if (open.size > 0 && rows + count > OPENED_ROWS) break;
    rows += count;
    for (const [id] of parents) open.add(id);
    level = parents.flatMap(([id, inner]) =>
      childrenOf(inner, CHILDREN_AT_ONCE).map(([, child], index): [string, unknown] => [`${id}/${index}`, child]),
    );
  }
  return open;
}

/** @returns the id of the row that contains it; undefined for the whole */
export function parentOf(id: string): string | undefined {
  const end = id.lastIndexOf('/');
  return end === -1 ? undefined : id.slice(0, end);
}
