/** All fields by which attempts are found, as a form. Each takes effect at once. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { useNodes } from '../hive/node-names.js';
import { FILTER_WORDS } from './filter-words.js';
import { changed, ORDER_WORDS, ORDERS, type Choice, type FilterName } from './filters.js';
import { fromField, toField } from './local-time.js';
import { NodeSelect } from './node-select.js';
import './filter-panel.css';

export interface FilterFormProps {
  choice: Choice;
  /** @param isTyping it is one of many changes in a row, which the browser's history keeps as one */
  choose: (choice: Choice, isTyping?: boolean) => void;
}

export function FilterPanel({ choice, choose }: FilterFormProps) {
  const { filters, order } = choice;
  const nodes = useNodes() ?? [];
  const executors = [...new Set(nodes.flatMap(executorsOf))].sort();
  const set = (name: FilterName, value: string) =>
    choose({ ...choice, filters: changed(filters, { [name]: value.trim() === '' ? undefined : value }) });
  const text = (name: FilterName, list?: string) => ({
    value: filters[name] ?? '',
    list,
    set: (value: string) => set(name, value),
  });
  return (
    <div id="filter-panel" class="filter-panel" role="group" aria-label="Filters">
      <Field label={FILTER_WORDS.node_id}>
        {(id) => <NodeSelect id={id} value={filters.node_id} any="any" set={(value = '') => set('node_id', value)} />}
      </Field>
      <Field label={FILTER_WORDS.executor}>{(id) => <Text id={id} {...text('executor', 'filter-executors')} />}</Field>
      <datalist id="filter-executors">
        {executors.map((executor) => (
          <option key={executor} value={executor} />
        ))}
      </datalist>
      <Field label={FILTER_WORDS.branch}>{(id) => <Text id={id} {...text('branch')} />}</Field>
      <Field label={FILTER_WORDS.id_prefix}>{(id) => <Text id={id} {...text('id_prefix')} />}</Field>
      <Field label={FILTER_WORDS.task}>{(id) => <Text id={id} {...text('task')} />}</Field>
      <Field label={FILTER_WORDS.since}>
        {(id) => <Moment id={id} value={filters.since} set={(value) => set('since', value)} />}
      </Field>
      <Field label={FILTER_WORDS.until}>
        {(id) => <Moment id={id} value={filters.until} set={(value) => set('until', value)} />}
      </Field>
      <Field label="Order">
        {(id) => (
          <select
            id={id}
            class="field"
            value={order}
            onChange={({ currentTarget: { value } }) =>
              choose({ ...choice, order: ORDERS.find((one) => one === value) ?? 'arrived' })
            }
          >
            {ORDERS.map((one) => (
              <option key={one} value={one}>
                {ORDER_WORDS[one]}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}

/** What nodes say they can run; data of any shape. */
function executorsOf({ capabilities }: { capabilities: Record<string, unknown> }): string[] {
  const { executors } = capabilities;
  return Array.isArray(executors) ? executors.filter((executor) => typeof executor === 'string') : [];
}

function Field({ label, children }: { label: string; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class="filter-panel-field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

interface TextProps {
  id: string;
  value: string;
  set: (value: string) => void;
  list?: string | undefined;
}

/** It takes effect when one leaves it or presses Enter, because half a branch is no branch. */
function Text({ id, value, set, list }: TextProps) {
  return (
    <input
      id={id}
      class="field"
      value={value}
      list={list}
      autocomplete="off"
      spellcheck={false}
      onChange={(event) => set(event.currentTarget.value)}
    />
  );
}

function Moment({ id, value, set }: { id: string; value: string | undefined; set: (value: string) => void }) {
  return (
    <input
      id={id}
      class="field"
      type="datetime-local"
      value={toField(value)}
      onChange={(event) => set(fromField(event.currentTarget.value))}
    />
  );
}
