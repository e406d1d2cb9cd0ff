/** Searches in the whole log: what is found, which is the current one, and how far it has come. */
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect } from 'preact/hooks';
import { WAITING_WORDS } from '../hive/until-answered.js';
import { errorWords } from '../ui/error-words.js';
import { formatCount } from '../ui/format-count.js';
import type { LogSearch, SearchQuery, SearchState } from './log-search.js';
import './search-bar.css';

export interface SearchBarProps {
  search: LogSearch;
  /** What is being typed: it outlives the log that it was typed for. */
  query: SearchQuery;
  setQuery: (query: SearchQuery) => void;
  field: RefObject<HTMLInputElement | null>;
  /** The line that is read now. */
  near: () => number;
  /** Goes to the next match, or the one before. */
  step: (by: 1 | -1) => void;
  close: () => void;
}

/** Nobody types faster than that and wants a search for each letter. */
const TYPING_MS = 250;

export function SearchBar({ search, query, setQuery, field, near, step, close }: SearchBarProps) {
  const begin = (): void => {
    if (search.state.peek().query === query) return;
    if (query.text === '') search.stop();
    else search.start(query, near());
  };
  useLayoutEffect(() => field.current?.focus(), []); // at once: what is typed next is for it
  useEffect(() => {
    const timer = setTimeout(begin, TYPING_MS);
    return () => clearTimeout(timer);
  }, [query, search]);
  const pressed = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      if (search.state.peek().query === query) step(event.shiftKey ? -1 : 1);
      else begin();
    } else if (event.key === 'Escape') {
      event.preventDefault();
      close();
    }
  };
  const state = search.state.value;
  return (
    <search class="search-bar">
      <input
        ref={field}
        class="field search-bar-field"
        type="search"
        aria-label="Search in the log"
        placeholder="Search in the log"
        spellcheck={false}
        autocomplete="off"
        maxLength={1000}
        value={query.text}
        onInput={(event) => setQuery({ ...query, text: event.currentTarget.value })}
        onKeyDown={pressed}
      />
      <Option
        is={query.ignoresCase}
        sign="aA"
        name="Ignore case"
        press={() => setQuery({ ...query, ignoresCase: !query.ignoresCase })}
      />
      <Option
        is={query.isRegex}
        sign=".*"
        name="Regular expression"
        press={() => setQuery({ ...query, isRegex: !query.isRegex })}
      />
      <button
        class="log-button"
        type="button"
        aria-label="Previous match"
        title="Previous match (N)"
        onClick={() => step(-1)}
      >
        ↑
      </button>
      <button class="log-button" type="button" aria-label="Next match" title="Next match (n)" onClick={() => step(1)}>
        ↓
      </button>
      <span class={state.error ? 'search-bar-error' : 'search-bar-count'} role="status">
        {whatIsFound(state)}
      </span>
      <button class="log-button" type="button" aria-label="End the search" title="End the search (Esc)" onClick={close}>
        ✕
      </button>
    </search>
  );
}

function Option({ is, sign, name, press }: { is: boolean; sign: string; name: string; press: () => void }) {
  return (
    <button class="log-button" type="button" aria-pressed={is} aria-label={name} title={name} onClick={press}>
      {sign}
    </button>
  );
}

function whatIsFound(state: SearchState): string {
  const words = foundWords(state);
  return state.waiting ? `${words}; ${WAITING_WORDS[state.waiting]}` : words;
}

function foundWords(state: SearchState): string {
  const { query, count, current, isSearching, linesLooked, linesOf, error, isFull } = state;
  if (!query) return '';
  if (error) return errorWords(error);
  const found = current === undefined ? formatCount(count) : `${formatCount(current + 1)} of ${formatCount(count)}`;
  if (isSearching) {
    const share = linesOf > 0 ? `, ${Math.floor((linesLooked / linesOf) * 100)} %` : '';
    return count === 0 ? `searching${share}…` : `${found}, searching${share}…`;
  }
  if (isFull) return `${found}; only the first are shown`;
  return count === 0 ? 'nothing found' : found;
}
