/** JSON that folds open, as a tree for keyboard and pointer. Only rows that are open exist. */
import { useMemo, useRef, useState } from 'preact/hooks';
import { copyText } from '../ui/copy-text.js';
import { formatCount } from '../ui/format-count.js';
import { visible, visibleLines } from '../ui/visible.js';
import { parseJson, toJson } from './json-line.js';
import { CHILDREN_AT_ONCE, openedAtFirst, parentOf, ROOT, rowsOf, sizeOf, type Row } from './json-rows.js';
import './json-tree.css';

export interface JsonTreeProps {
  text: string;
  /** What it is, for those who hear the page. */
  label: string;
  class?: string;
}

export function JsonTree({ text, label, class: extra = '' }: JsonTreeProps) {
  const parsed = useMemo(() => parseJson(text), [text]);
  if ('problem' in parsed) return <p class={`json-tree ${extra}`}>This is not JSON: {visible(parsed.problem)}</p>;
  return <ValueTree value={parsed.value} label={label} class={extra} />;
}

export function ValueTree({ value, label, class: extra = '' }: { value: unknown; label: string; class?: string }) {
  const [opened, setOpened] = useState(() => ({ ids: openedAtFirst(value), shown: new Map<string, number>() }));
  const [current, setCurrent] = useState(ROOT);
  const [told, setTold] = useState('');
  const tree = useRef<HTMLUListElement>(null);
  const rows = useMemo(() => rowsOf(value, opened), [value, opened]);
  const found = rows.findIndex(({ id }) => id === current);
  const at = Math.max(0, found);

  const go = (row: Row | undefined) => {
    if (!row) return;
    setCurrent(row.id);
    const index = rows.indexOf(row);
    (tree.current?.children[index] as HTMLElement | undefined)?.focus();
  };
  const setOpen = (id: string, isOpen: boolean) => {
    const ids = new Set(opened.ids);
    if (isOpen) ids.add(id);
    else ids.delete(id);
    setOpened({ ...opened, ids });
  };
  const press = (row: Row) => {
    setCurrent(row.id);
    if (row.kind === 'more') {
      const shown = (opened.shown.get(row.of) ?? CHILDREN_AT_ONCE) + CHILDREN_AT_ONCE;
      setOpened({ ...opened, shown: new Map(opened.shown).set(row.of, shown) });
    } else if (row.isOpen !== undefined) setOpen(row.id, !row.isOpen);
  };
  const copy = async (row: Row) => {
    if (row.kind === 'more') return;
    const part = typeof row.value === 'string' ? row.value : toJson(row.value, 2);
    setTold((await copyText(part)) ? 'Copied' : 'Could not copy');
  };
  const keys: Record<string, (row: Row) => void> = {
    ArrowDown: () => go(rows[at + 1]),
    ArrowUp: () => go(rows[at - 1]),
    Home: () => go(rows[0]),
    End: () => go(rows.at(-1)),
    ArrowRight: (row) => {
      if (row.kind === 'more') press(row);
      else if (row.isOpen === false) setOpen(row.id, true);
      else if (row.isOpen === true) go(rows[at + 1]);
    },
    ArrowLeft: (row) => {
      if (row.kind === 'value' && row.isOpen === true) setOpen(row.id, false);
      else go(rows.find(({ id }) => id === parentOf(row.id)));
    },
    Enter: press,
    ' ': press,
    c: (row) => void copy(row),
  };
  const pressed = (event: KeyboardEvent) => {
    const row = rows[at];
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act || !row) return;
    event.preventDefault();
    event.stopPropagation(); // the page has other meanings for some of them
    act(row);
  };
  return (
    <div class={`json-tree ${extra}`}>
      <ul ref={tree} role="tree" aria-label={label} onKeyDown={pressed}>
        {rows.map((row, index) => (
          <li
            key={row.id}
            role="treeitem"
            class="json-tree-row"
            aria-level={row.level}
            aria-expanded={row.kind === 'value' ? row.isOpen : undefined}
            aria-posinset={row.kind === 'value' ? row.position : undefined}
            aria-setsize={row.kind === 'value' ? row.siblings : undefined}
            tabIndex={index === at ? 0 : -1}
            style={{ paddingLeft: `${(Math.min(row.level, 12) - 1) * 16}px` }}
            onClick={() => press(row)}
          >
            <RowText row={row} />
          </li>
        ))}
      </ul>
      <span class="only-heard" role="status">
        {told}
      </span>
    </div>
  );
}

/** A longer text is cut; the whole of it can be copied. */
const MAX_TEXT = 4000;

function RowText({ row }: { row: Row }) {
  if (row.kind === 'more') return <span class="json-tree-more">{formatCount(row.hidden)} more</span>;
  const { name, value, isOpen } = row;
  return (
    <>
      <span class="json-tree-mark" aria-hidden="true">
        {isOpen === undefined ? '' : isOpen ? '▾' : '▸'}
      </span>
      {name !== null && <span class="json-tree-name">{visible(name)}: </span>}
      <Value value={value} />
    </>
  );
}

function Value({ value }: { value: unknown }) {
  if (typeof value === 'string') {
    const cut = value.length > MAX_TEXT ? `… (${formatCount(value.length)} characters)` : '';
    return (
      <span class="json-tree-string">
        {visibleLines(value.slice(0, MAX_TEXT))}
        {cut}
      </span>
    );
  }
  if (typeof value === 'object' && value !== null) {
    const size = sizeOf(value);
    return (
      <span class="json-tree-size">{Array.isArray(value) ? `[${formatCount(size)}]` : `{${formatCount(size)}}`}</span>
    );
  }
  return <span class="json-tree-other">{String(value)}</span>;
}
