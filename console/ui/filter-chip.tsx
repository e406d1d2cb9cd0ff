/** A filter that is on, with a button that takes it off. */
import { Icon } from './icon.js';
import { visible } from './visible.js';
import './filter-chip.css';

export interface FilterChipProps {
  /** What it filters by: `Node`. */
  name: string;
  value: string;
  remove: () => void;
}

export function FilterChip({ name, value, remove }: FilterChipProps) {
  return (
    <span class="filter-chip">
      <span class="filter-chip-text" title={`${name}: ${visible(value)}`}>
        <span class="filter-chip-name">{name}</span> {visible(value)}
      </span>
      <button type="button" class="filter-chip-remove" onClick={remove} title={`Remove the filter ${name}`}>
        <Icon name="cross" />
        <span class="only-heard">
          Remove the filter {name} {visible(value)}
        </span>
      </button>
    </span>
  );
}
