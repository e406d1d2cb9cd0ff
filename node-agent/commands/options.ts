/** Checks of command line values, shared by several commands. */
import { InvalidArgumentError } from 'commander';
import { uuid } from '../../protocol/uuid.js';

export function uuidOption(value: string): string {
  const result = uuid.safeParse(value);
  if (!result.success) throw new InvalidArgumentError('It must be a UUID.');
  return result.data;
}

export function countOption(value: string): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1)
    throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(value);
}

export function textOption(maxLength: number): (value: string) => string {
  return (value) => {
    if (value.length > maxLength) throw new InvalidArgumentError(`It must have at most ${maxLength} characters.`);
    return value;
  };
}
