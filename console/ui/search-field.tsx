/** Where one types what to look for. */
import type { Ref } from 'preact';
import { Icon } from './icon.js';
import './field.css';

export interface SearchFieldProps {
  /** What is looked for, for those who hear the page. It is also what stands in the empty field. */
  label: string;
  value: string;
  onInput: (value: string) => void;
  /** So that a key can focus it. */
  inputRef?: Ref<HTMLInputElement>;
}

export function SearchField({ label, value, onInput, inputRef }: SearchFieldProps) {
  return (
    <label class="search-field">
      <Icon name="search" />
      <span class="only-heard">{label}</span>
      <input
        ref={inputRef ?? null}
        type="search"
        class="field"
        value={value}
        placeholder={label}
        maxLength={200}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.preventDefault();
          if (event.currentTarget.value === '') event.currentTarget.blur();
          else onInput('');
        }}
      />
    </label>
  );
}
