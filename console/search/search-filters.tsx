/** Which attempts are searched: the filters of the list of attempts. Those that are on are seen, also while the fields are not. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { FILTER_WORDS, shownValue } from '../attempts/filter-words.js';
import { fromField, toField } from '../attempts/local-time.js';
import { NodeSelect } from '../attempts/node-select.js';
import { FilterChip } from '../ui/filter-chip.js';
import { Select } from '../ui/select.js';
import { STATUSES, SYNC_STATES, wordOf } from '../ui/states.js';
import { FILTERS, type Filter, type SearchQuery } from './search-query.js';

type Filters = SearchQuery['filters'];

export interface SearchFiltersProps {
  filters: Filters;
  change: (filters: Filters) => void;
  /** Takes one away at once. */
  remove: (filters: Filters) => void;
}

export function SearchFilters({ filters, change, remove }: SearchFiltersProps) {
  const chosen = FILTERS.flatMap((name) => {
    const value = filters[name];
    return value === undefined ? [] : [{ name, value }];
  });
  const [isOpen, setOpen] = useState(chosen.length > 0); // not by the count: the fields would close under who empties one
  const changed = (name: Filter, value: string | undefined): Filters => ({ ...filters, [name]: value || undefined });
  const set = (name: Filter) => (value: string | undefined) => change(changed(name, value));
  const states = (of: readonly string[]) => of.map((state) => [state, wordOf(state)] as const);
  const field = (name: Filter, content: ComponentChildren) => (
    <label class="search-filters-field">
      {FILTER_WORDS[name]}
      {content}
    </label>
  );
  const text = (name: Filter, maxLength: number) =>
    field(
      name,
      <input
        class="field"
        value={filters[name] ?? ''}
        maxLength={maxLength}
        spellcheck={false}
        onInput={(event) => set(name)(event.currentTarget.value)}
      />,
    );
  const moment = (name: 'since' | 'until') =>
    field(
      name,
      <input
        type="datetime-local"
        class="field"
        value={toField(filters[name])}
        onChange={(event) => set(name)(fromField(event.currentTarget.value))}
      />,
    );
  return (
    <>
      {chosen.length > 0 && (
        <div class="search-filters-chosen">
          {chosen.map(({ name, value }) => (
            <FilterChip
              key={name}
              name={FILTER_WORDS[name]}
              value={shownValue(name, value)}
              remove={() => remove(changed(name, undefined))}
            />
          ))}
        </div>
      )}
      <details class="search-filters" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Only in some attempts</summary>
        <div class="search-filters-fields">
          {field('node_id', <NodeSelect value={filters.node_id} any="Any" set={set('node_id')} />)}
          {field('status', <Select value={filters.status} any="Any" options={states(STATUSES)} set={set('status')} />)}
          {field(
            'sync_state',
            <Select value={filters.sync_state} any="Any" options={states(SYNC_STATES)} set={set('sync_state')} />,
          )}
          {text('title', 200)}
          {text('executor', 1024)}
          {text('branch', 1024)}
          {text('id_prefix', 36)}
          {text('task', 36)}
          {moment('since')}
          {moment('until')}
        </div>
      </details>
    </>
  );
}
