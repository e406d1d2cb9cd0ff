/** Search, and all other filters; those that are on as chips. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from '../shell/keys.js';
import { Button } from '../ui/button.js';
import { FilterChip } from '../ui/filter-chip.js';
import { Icon } from '../ui/icon.js';
import { SearchField } from '../ui/search-field.js';
import { STATUSES, SYNC_STATES } from '../ui/states.js';
import { FilterPanel, type FilterFormProps } from './filter-panel.js';
import { FILTER_WORDS, shownValue } from './filter-words.js';
import { changed, FILTER_NAMES, ORDER_WORDS, searchedFor, type FilterName, type Filters } from './filters.js';
import './filter-bar.css';

/** Somebody who types a word is asked for once. */
const TYPED_MS = 250;

export function FilterBar({ choice, choose }: FilterFormProps) {
  const { filters, order } = choice;
  const [isOpen, setOpen] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const search = useTyped(filters.q ?? '', (text) => {
    choose({ ...choice, filters: changed(filters, searchedFor(text)) }, true);
  });
  const chips = chipsOf(filters);
  const remove = (name: FilterName) => choose({ ...choice, filters: changed(filters, { [name]: undefined }) });
  useKeys('Filters', [
    { keys: '/', does: 'search titles and commands', run: () => field.current?.select() },
    { keys: 'v', does: 'show or hide all filters', run: () => setOpen(!isOpen) },
  ]);
  return (
    <div class="filter-bar">
      <div class="filter-bar-line">
        <SearchField label="Search titles and commands" value={search.text} onInput={search.type} inputRef={field} />
        <Button onClick={() => setOpen(!isOpen)} expanded={isOpen} controls="filter-panel">
          <Icon name={isOpen ? 'up' : 'down'} /> Filters{chips.length > 0 && ` (${chips.length})`}
        </Button>
        {chips.map(({ name, value }) => (
          <FilterChip
            key={name}
            name={FILTER_WORDS[name]}
            value={shownValue(name, value)}
            remove={() => remove(name)}
          />
        ))}
        {order !== 'arrived' && (
          <FilterChip name="Order" value={ORDER_WORDS[order]} remove={() => choose({ ...choice, order: 'arrived' })} />
        )}
        {hasAny(filters) && (
          <Button
            tone="bare"
            onClick={() => {
              search.drop();
              choose({ ...choice, filters: {} });
            }}
          >
            Clear filters
          </Button>
        )}
      </div>
      {isOpen && <FilterPanel choice={choice} choose={choose} />}
    </div>
  );
}

const hasAny = (filters: Filters): boolean => Object.keys(filters).length > 0;

const CHIPS = FILTER_NAMES.filter((name) => name !== 'q');

/** What is not seen elsewhere: the search field and the tabs show the others, of which an address may say odd ones. */
function chipsOf(filters: Filters) {
  const hasTab = ({ name, value }: { name: FilterName; value: string }): boolean =>
    (name === 'status' && STATUSES.some((status) => status === value)) ||
    (name === 'sync_state' && SYNC_STATES.some((state) => state === value));
  return CHIPS.map((name) => ({ name, value: filters[name] ?? '' })).filter(
    (chip) => chip.value !== '' && !hasTab(chip),
  );
}

interface Typed {
  text: string;
  type: (text: string) => void;
  /** What was typed and not told yet is not wanted any more. */
  drop: () => void;
}

/** What is typed is shown at once, and told when it is a word. What the address says otherwise comes into the field. */
function useTyped(value: string, tell: (text: string) => void): Typed {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  // somebody who has typed may choose another filter before the word is told
  const newest = useRef({ value, tell });
  newest.current = { value, tell };
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setTyped(undefined);
    told.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === undefined) return undefined;
    const timer = setTimeout(() => {
      told.current = searchedFor(typed).q ?? '';
      if (typed !== newest.current.value) newest.current.tell(typed);
      setTyped((now) => (now === typed ? undefined : now));
    }, TYPED_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return { text: typed ?? value, type: setTyped, drop: () => setTyped(undefined) };
}
