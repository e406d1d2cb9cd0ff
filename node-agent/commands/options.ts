/** Checks of command line values, shared by several commands. */
import { InvalidArgumentError } from 'commander';

/** Any version; written out, because the schema that others check ids with costs each start of a command. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @returns whether it is a UUID in lower case */
export function isLowerCaseUuid(text: string): boolean {
  return UUID.test(text);
}

export function uuidOption(value: string): string {
  const lowerCase = value.toLowerCase();
  if (!isLowerCaseUuid(lowerCase)) throw new InvalidArgumentError('It must be a UUID.');
  return lowerCase;
}

export function countOption(value: string): number {
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1)
    throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(value);
}

/** @returns a check of a number of seconds, 0 included */
export function secondsOption(max: number): (value: string) => number {
  return (value) => {
    const seconds = Number(value);
    if (!/^\d+(\.\d+)?$/.test(value) || seconds > max) {
      throw new InvalidArgumentError(`It must be a number of seconds, at most ${max}.`);
    }
    return seconds;
  };
}

export function textOption(maxLength: number): (value: string) => string {
  return (value) => {
    if (value.length > maxLength) throw new InvalidArgumentError(`It must have at most ${maxLength} characters.`);
    return value;
  };
}

/** For an option that may be repeated. */
export function listOption(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}
