/** A table that becomes a list of cards where the page is narrow. */
import type { ComponentChildren, Ref } from 'preact';
import './card-table.css';

export interface Column<T> {
  title: string;
  cell: (item: T) => ComponentChildren;
  /** How wide it is beside the others, as CSS says it. */
  width?: string;
  /** It names the item, and needs no heading in a card. */
  isName?: boolean;
  /** The heading is only heard: the cell holds buttons, or says what it is by itself. */
  isSilent?: boolean;
}

export interface CardTableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  items: readonly T[];
  keyOf: (item: T) => string;
  tableRef?: Ref<HTMLTableElement>;
}

// The roles are those that the elements have anyway, and lose in some browsers where they are shown as cards.
export function CardTable<T>({ label, columns, items, keyOf, tableRef }: CardTableProps<T>) {
  return (
    <table ref={tableRef ?? null} class="card-table" role="table" aria-label={label}>
      <colgroup>
        {columns.map(({ title, width }) => (
          <col key={title} style={width === undefined ? {} : { width }} />
        ))}
      </colgroup>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ title, isSilent }) => (
            <th key={title} role="columnheader" scope="col">
              {isSilent ? <span class="only-heard">{title}</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={keyOf(item)} role="row">
            {columns.map(({ title, cell, isName, isSilent }) => (
              <td key={title} role="cell" data-title={isName || isSilent ? undefined : title}>
                <div class="card-table-cell">{cell(item)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
