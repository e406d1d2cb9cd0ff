/** Which attempts are searched: the filters of the list of attempts. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { fromField, toField } from '../attempts/local-time.js';
import { useNodes } from '../hive/node-names.js';
import { wordOf } from '../ui/states.js';
import { visible } from '../ui/visible.js';
import { FILTERS, type Filter, type SearchQuery } from './search-query.js';

type Filters = SearchQuery['filters'];

const STATUSES = ['running', 'completed', 'failed', 'killed'] as const;
const SYNC_STATES = ['partial', 'pending_backfill', 'complete', 'unavailable'] as const;

export interface SearchFiltersProps {
  filters: Filters;
  change: (filters: Filters) => void;
}

export function SearchFilters({ filters, change }: SearchFiltersProps) {
  const nodes = useNodes() ?? [];
  const count = FILTERS.filter((name) => filters[name] !== undefined).length;
  const [isOpen, setOpen] = useState(count > 0); // not by the count: the fields would close under who empties one
  const set = (name: Filter, value: string) => change({ ...filters, [name]: value === '' ? undefined : value });
  const select = (name: Filter, any: string, options: readonly (readonly [value: string, text: string])[]) => (
    <select class="field" value={filters[name] ?? ''} onChange={(event) => set(name, event.currentTarget.value)}>
      <option value="">{any}</option>
      {options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
  const text = (name: Filter, maxLength: number) => (
    <input
      class="field"
      value={filters[name] ?? ''}
      maxLength={maxLength}
      spellcheck={false}
      onInput={(event) => set(name, event.currentTarget.value)}
    />
  );
  const moment = (name: 'since' | 'until') => (
    <input
      type="datetime-local"
      class="field"
      value={toField(filters[name])}
      onChange={(event) => set(name, fromField(event.currentTarget.value))}
    />
  );
  return (
    <details class="search-filters" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Only in some attempts{count > 0 && ` (${count} ${count === 1 ? 'filter' : 'filters'})`}</summary>
      <div class="search-filters-fields">
        <Field name="Node">
          {select(
            'node_id',
            'Any',
            nodes.map(({ id, name }) => [id, visible(name)]),
          )}
        </Field>
        <Field name="Status">
          {select(
            'status',
            'Any',
            STATUSES.map((state) => [state, wordOf(state)]),
          )}
        </Field>
        <Field name="The hive’s copy is">
          {select(
            'sync_state',
            'Any',
            SYNC_STATES.map((state) => [state, wordOf(state)]),
          )}
        </Field>
        <Field name="Title or command has">{text('title', 200)}</Field>
        <Field name="Executor">{text('executor', 1024)}</Field>
        <Field name="Branch">{text('branch', 1024)}</Field>
        <Field name="Started since">{moment('since')}</Field>
        <Field name="Started before">{moment('until')}</Field>
      </div>
    </details>
  );
}

function Field({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <label class="search-filters-field">
      {name}
      {children}
    </label>
  );
}
