import type { ExecutionSync } from '../../protocol/frames.js';
import { storableText } from '../text.js';

/** What lists show of a command, in UTF-16 units. */
const MAX_LENGTH = 500;

/** @returns the beginning of the command that the execution ran, if its `executor_action` names one */
export function commandOf({ executor_action: action }: Pick<ExecutionSync, 'executor_action'>): string | null {
  const script = memberOf(memberOf(action, 'typ'), 'script');
  return typeof script === 'string' ? storableText(script.slice(0, MAX_LENGTH)) : null;
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
