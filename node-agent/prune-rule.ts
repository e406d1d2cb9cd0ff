/** What the configuration says about pruning: `"prune": { "older_than_days": 30, "max_size": "2GB" }`. */
import { bytesOf } from './bytes.js';
import { NodeAgentError } from './errors.js';

export interface ConfiguredPrune {
  olderThanDays?: number;
  maxBytes?: number;
}

const ALLOWED =
  'allowed: older_than_days, a whole number from 0, and max_size, a number with a unit such as "500MB" or "2GB"';

/**
 * @param value the configuration's `prune`
 * @returns undefined if nothing is to be pruned by itself
 * @throws NodeAgentError `config`
 */
export function configuredPrune(value: unknown): ConfiguredPrune | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw new NodeAgentError('config', `prune: ${ALLOWED}`);
  const { older_than_days: days, max_size: size, ...others } = value as Record<string, unknown>;
  const rule: ConfiguredPrune = {};
  if (days !== undefined) {
    if (typeof days !== 'number' || !Number.isInteger(days) || days < 0) {
      throw new NodeAgentError('config', `prune.older_than_days: is not allowed; ${ALLOWED}`);
    }
    rule.olderThanDays = days;
  }
  if (size !== undefined) {
    const bytes = typeof size === 'string' ? bytesOf(size) : undefined;
    if (bytes === undefined) throw new NodeAgentError('config', `prune.max_size: is not allowed; ${ALLOWED}`);
    rule.maxBytes = bytes;
  }
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new NodeAgentError('config', `prune.${unknown}: is unknown; ${ALLOWED}`);
  return Object.keys(rule).length === 0 ? undefined : rule;
}
