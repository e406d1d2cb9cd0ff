import './field.css';
import { visible } from './visible.js';

export interface SelectProps {
  id?: string | undefined;
  /** Undefined for any. An address may say what is no option: it is shown as one, so that what filters is seen. */
  value: string | undefined;
  /** What it is called if nothing is chosen. */
  any: string;
  options: readonly (readonly [value: string, words: string])[];
  set: (value: string | undefined) => void;
}

export function Select({ id, value = '', any, options, set }: SelectProps) {
  const isAnOption = value === '' || options.some(([option]) => option === value);
  return (
    <select
      id={id}
      class="field"
      value={value}
      onChange={(event) => set(event.currentTarget.value === '' ? undefined : event.currentTarget.value)}
    >
      <option value="">{any}</option>
      {!isAnOption && <option value={value}>{visible(value)}</option>}
      {options.map(([option, words]) => (
        <option key={option} value={option}>
          {visible(words)}
        </option>
      ))}
    </select>
  );
}
