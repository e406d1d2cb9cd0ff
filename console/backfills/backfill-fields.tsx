import { NodeSelect } from '../attempts/node-select.js';
import { Select } from '../ui/select.js';
import { wordOf } from '../ui/states.js';
import { filtersOf, STATUSES, type BackfillFilters } from './backfill-pages.js';

export interface BackfillFieldsProps {
  filters: BackfillFilters;
  filterBy: (changed: Partial<BackfillFilters>) => void;
}

export function BackfillFields({ filters, filterBy }: BackfillFieldsProps) {
  return (
    <div class="backfills-fields" role="group" aria-label="Filters">
      <label>
        <span class="only-heard">Status</span>
        <Select
          value={filters.status}
          any="Any status"
          options={STATUSES.map((status) => [status, wordOf(status)])}
          set={(status) => filterBy({ status: filtersOf({ status }).status })}
        />
      </label>
      <label>
        <span class="only-heard">Node</span>
        <NodeSelect value={filters.node_id} any="Any node" set={(node_id) => filterBy({ node_id })} />
      </label>
    </div>
  );
}
