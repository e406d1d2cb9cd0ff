/** The tabs: how many attempts there are of each status, and how whole the hive's copies are. Each is a filter. */
import { formatCount } from '../ui/format-count.js';
import { Icon } from '../ui/icon.js';
import { lookOf, STATUSES, SYNC_STATES, wordOf } from '../ui/states.js';
import type { AttemptCounts } from './counts.js';
import { attemptsAddress, changed, type Choice } from './filters.js';
import './filter-tabs.css';

export interface FilterTabsProps {
  choice: Choice;
  /** Undefined until they are known. */
  counts: AttemptCounts | undefined;
}

export function FilterTabs({ choice, counts }: FilterTabsProps) {
  const { filters } = choice;
  const all = { ...choice, filters: changed(filters, { status: undefined, sync_state: undefined }) };
  return (
    <div class="filter-tabs">
      <nav aria-label="Status">
        <Tab
          word="All"
          count={counts?.total}
          address={attemptsAddress(all)}
          isOn={filters.status === undefined && filters.sync_state === undefined}
        />
        {STATUSES.map((status) => (
          <Tab
            key={status}
            word={wordOf(status)}
            state={status}
            count={counts?.by_status[status]}
            address={toggled(choice, 'status', status)}
            isOn={filters.status === status}
          />
        ))}
      </nav>
      <nav aria-label="Hive’s copy">
        {SYNC_STATES.map((state) => (
          <Tab
            key={state}
            word={wordOf(state)}
            state={state}
            count={counts?.by_sync_state[state]}
            address={toggled(choice, 'sync_state', state)}
            isOn={filters.sync_state === state}
          />
        ))}
      </nav>
    </div>
  );
}

/** @returns where a tab leads: it filters, or if it does already, no more */
function toggled(choice: Choice, name: 'status' | 'sync_state', value: string): string {
  const isOn = choice.filters[name] === value;
  return attemptsAddress({ ...choice, filters: changed(choice.filters, { [name]: isOn ? undefined : value }) });
}

interface TabProps {
  word: string;
  state?: string;
  count: number | undefined;
  address: string;
  isOn: boolean;
}

function Tab({ word, state, count, address, isOn }: TabProps) {
  const look = state === undefined ? undefined : lookOf(state);
  return (
    <a href={address} class="filter-tab" aria-current={isOn ? 'true' : undefined}>
      {look && (
        <span class={`state-badge-${look.tone} filter-tab-icon`}>
          <Icon name={look.icon} />
        </span>
      )}
      {word} <span class="filter-tab-count">{count === undefined ? '' : formatCount(count)}</span>
    </a>
  );
}
