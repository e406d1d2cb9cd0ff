import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useKeys } from '../shell/keys.js';
import { beginWith } from '../shell/page-top.js';
import { Button } from '../ui/button.js';
import { Icon } from '../ui/icon.js';
import '../ui/field.css';
import './search-form.css';
import { SearchFilters } from './search-filters.js';
import { MODES, type Mode, type SearchQuery } from './search-query.js';

const MODE_NAMES: Record<Mode, string> = { word: 'Whole words', text: 'Anywhere', regex: 'Regular expression' };

const MODE_MEANINGS: Record<Mode, string> = {
  word: '“time” finds “time out” but not “timeout”. An index knows which words are where, so this is quick.',
  text: 'Also finds inside of words: “time” finds “timeout”. This can take far longer, because more lines must be looked at.',
  regex: 'In RE2’s syntax, as in Go: no back-references, no look-around. Matches anywhere in a line.',
};

/** The API takes no longer ones. */
const MAX_LENGTH = 1000;

export interface SearchFormProps {
  query: SearchQuery;
  submit: (query: SearchQuery) => void;
}

export function SearchForm({ query, submit }: SearchFormProps) {
  const [draft, setDraft] = useState(query);
  const field = useRef<HTMLInputElement>(null);
  const change = (changed: Partial<SearchQuery>) => setDraft((before) => ({ ...before, ...changed }));
  useLayoutEffect(() => {
    if (query.q === '') beginWith(field.current);
  }, []);
  useKeys('Search', [
    {
      keys: '/',
      does: 'type what to search for',
      run: () => {
        field.current?.focus();
        field.current?.select();
      },
    },
  ]);
  return (
    <form
      class="search-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (draft.q !== '') submit(draft);
      }}
    >
      <div class="search-form-line">
        <label class="search-field">
          <Icon name="search" />
          <span class="only-heard">Search in the lines of all attempts</span>
          <input
            ref={field}
            type="search"
            class="field"
            value={draft.q}
            placeholder="A text that an attempt printed"
            maxLength={MAX_LENGTH}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => change({ q: event.currentTarget.value })}
            onKeyDown={(event) => {
              if (event.key === 'Escape') event.currentTarget.blur();
            }}
          />
        </label>
        <Button tone="primary" type="submit" disabled={draft.q === ''}>
          Search
        </Button>
      </div>
      <div class="search-form-line">
        <fieldset class="search-modes" aria-describedby="search-mode-meaning">
          <legend class="only-heard">How it is looked for</legend>
          {MODES.map((mode) => (
            <label key={mode}>
              <input type="radio" name="mode" checked={draft.mode === mode} onChange={() => change({ mode })} />
              {MODE_NAMES[mode]}
            </label>
          ))}
        </fieldset>
        <label class="search-case">
          <input
            type="checkbox"
            checked={draft.ignoreCase}
            onChange={(event) => change({ ignoreCase: event.currentTarget.checked })}
          />
          Ignore case
        </label>
      </div>
      <p id="search-mode-meaning" class="search-soft">
        {MODE_MEANINGS[draft.mode]}
      </p>
      <SearchFilters
        filters={draft.filters}
        change={(filters) => change({ filters })}
        remove={(filters) => {
          change({ filters });
          if (query.q !== '') submit({ ...draft, filters });
        }}
      />
    </form>
  );
}
