/** The keyboard: what a page registers works while it is shown, and is listed on the sheet that `?` opens. */
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { areCharacterKeysOn, hasCharacters } from './character-keys.js';

export interface KeyBinding {
  /** As people write it: `j`, `g g`, `Shift+G` is `G`, `Enter`, `Escape`. */
  keys: string;
  /** What it does, as it stands on the sheet. */
  does: string;
  run: () => void;
  /** It also works while somebody types. */
  whileTyping?: boolean;
}

interface Scope {
  name: string;
  bindings: () => readonly KeyBinding[];
}

/** The scopes that are shown, the innermost last. */
const scopes = signal<readonly Scope[]>([]);

/** The longest pause between the keys of a sequence. */
const SEQUENCE_MS = 800;

/** Registers bindings for as long as the component is shown. Those registered last come first. */
export function useKeys(name: string, bindings: readonly KeyBinding[]): void {
  const newest = useRef(bindings);
  newest.current = bindings;
  // before it is painted: what one sees takes keys at once
  useLayoutEffect(() => {
    const scope: Scope = { name, bindings: () => newest.current };
    scopes.value = [...scopes.peek(), scope];
    return () => {
      scopes.value = scopes.peek().filter((other) => other !== scope);
    };
  }, [name]);
}

/** @returns the bindings that work now, under the names of their scopes: parts of a page may share one */
export function shownBindings(): { name: string; bindings: readonly KeyBinding[] }[] {
  const named = new Map<string, KeyBinding[]>();
  for (const { name, bindings } of scopes.value) named.set(name, [...(named.get(name) ?? []), ...bindings()]);
  return [...named].map(([name, bindings]) => ({ name, bindings }));
}

/** Listens for the whole page. @returns a function that ends it */
export function listenForKeys(): () => void {
  let begun = '';
  let begunAt = 0;
  const pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.timeStamp - begunAt > SEQUENCE_MS) begun = '';
    const keys = begun === '' ? event.key : `${begun} ${event.key}`;
    const isTyping = isTextField(event.target);
    const all = scopes
      .peek()
      .toReversed()
      .flatMap(({ bindings }) => bindings())
      .filter(({ whileTyping = false }) => whileTyping || !isTyping)
      .filter(({ keys: own }) => areCharacterKeysOn.peek() || !hasCharacters(own));
    const binding = all.find((one) => one.keys === keys) ?? all.find((one) => one.keys === event.key);
    if (binding) {
      begun = '';
      if (isWidget(event.target) && binding.keys === 'Enter') return; // a focused button or link does what it does
      event.preventDefault();
      binding.run();
    } else if (all.some((one) => one.keys.startsWith(`${keys} `))) {
      begun = keys;
      begunAt = event.timeStamp;
    } else begun = '';
  };
  document.addEventListener('keydown', pressed);
  return () => document.removeEventListener('keydown', pressed);
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox], [type=radio]), textarea, select');
}

function isWidget(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('a, button, summary');
}
