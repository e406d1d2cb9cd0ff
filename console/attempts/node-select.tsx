import { nodeName, useNodes } from '../hive/node-names.js';
import { Select, type SelectProps } from '../ui/select.js';

/** One of the organisation's nodes; also one that is not among them any more, if the address names it. */
export function NodeSelect(props: Omit<SelectProps, 'options'>) {
  const nodes = useNodes() ?? [];
  const { value } = props;
  const options = nodes.map(({ id, name }) => [id, name] as const);
  const isUnknown = value !== undefined && value !== '' && !nodes.some(({ id }) => id === value);
  return <Select {...props} options={isUnknown ? [[value, nodeName(value)], ...options] : options} />;
}
