import { useNodes } from '../hive/node-names.js';
import { wordOf } from '../ui/states.js';
import { visible } from '../ui/visible.js';
import '../ui/field.css';
import { filtersOf, STATUSES, type BackfillFilters } from './backfill-pages.js';

export interface BackfillFieldsProps {
  filters: BackfillFilters;
  filterBy: (changed: Partial<BackfillFilters>) => void;
}

export function BackfillFields({ filters, filterBy }: BackfillFieldsProps) {
  const nodes = useNodes() ?? [];
  const isUnknown = filters.node_id !== undefined && !nodes.some(({ id }) => id === filters.node_id);
  return (
    <div class="backfills-fields" role="group" aria-label="Filters">
      <label>
        <span class="only-heard">Status</span>
        <select
          class="field"
          value={filters.status ?? ''}
          onChange={(event) => filterBy({ status: filtersOf({ status: event.currentTarget.value }).status })}
        >
          <option value="">Any status</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {wordOf(status)}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="only-heard">Node</span>
        <select
          class="field"
          value={filters.node_id ?? ''}
          onChange={(event) => filterBy({ node_id: event.currentTarget.value || undefined })}
        >
          <option value="">Any node</option>
          {isUnknown && <option value={filters.node_id}>{filters.node_id?.slice(0, 8)}</option>}
          {nodes.map(({ id, name }) => (
            <option key={id} value={id}>
              {visible(name)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
