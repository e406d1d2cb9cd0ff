/** What a run is to mask: its own options, the configuration file, and the node's own credentials. */
import { messageOf, NodeAgentError } from '../errors.js';
import { literalsOf, type Literal } from './literals.js';
import { OutputMask } from './output-mask.js';
import type { FindRanges } from './pattern-mask.js';

export interface MaskSources {
  /** Values that are always masked: the node's own credentials. */
  own: readonly string[];
  /** Names of environment variables, from the command line. */
  names: readonly string[];
  /** Whether the command line asks for the patterns of well-known secrets. */
  secrets: boolean;
  /** The configuration file's member `mask`, not checked yet. */
  configured: unknown;
  env: NodeJS.ProcessEnv;
  /** Says one sentence to the person at the terminal. */
  warn: (sentence: string) => void;
}

/** The configuration file's member `mask`. */
interface MaskConfig {
  /** Names of environment variables whose values are masked, if they are set. */
  variables: string[];
  /** Regular expressions (JavaScript's) by the name that stands in place of what they match. */
  patterns: Record<string, string>;
  /** Whether well-known secrets are masked. */
  secrets: boolean;
}

const OWN_NAME = 'NODE_API_KEY';

/**
 * @returns undefined if there is nothing to mask, which then costs nothing
 * @throws NodeAgentError `config` if the configuration is wrong
 */
export async function outputMask(sources: MaskSources): Promise<OutputMask | undefined> {
  const config = checkMask(sources.configured);
  const literals = [
    ...sources.own.flatMap((value) => literalsOf(OWN_NAME, value)),
    ...sources.names.flatMap((name) => named(name, sources)),
    ...config.variables.flatMap((name) => literalsOf(name, sources.env[name] ?? '')),
  ];
  const patterns = Object.entries(config.patterns).map(([name, pattern]) => finder(name, pattern));
  const keys = sources.secrets || config.secrets;
  if (keys) patterns.push(...(await knownSecrets()));
  return literals.length > 0 || patterns.length > 0 ? new OutputMask({ literals, patterns, keys }) : undefined;
}

async function knownSecrets(): Promise<FindRanges[]> {
  const { secretPatterns } = await import('./secret-patterns.js');
  try {
    return await secretPatterns();
  } catch (error) {
    throw new NodeAgentError('config', `the patterns of secrets cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function named(name: string, { env, warn }: MaskSources): Literal[] {
  const value = env[name];
  if (value === undefined || value === '') {
    const what = value === undefined ? 'not set' : 'empty';
    warn(`--mask ${name}: that variable is ${what}, so there is nothing to mask`);
    return [];
  }
  const literals = literalsOf(name, value);
  if (literals.length === 0) warn(`--mask ${name}: its value is too short to be masked`);
  return literals;
}

function checkMask(mask: unknown): MaskConfig {
  const { variables = [], patterns = {}, secrets = false, ...rest } = object(mask ?? {}, 'mask');
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw wrong(`mask.${unknown}`, 'variables, patterns and secrets');
  if (!isStrings(variables)) throw wrong('mask.variables', 'a list of names of environment variables');
  if (typeof secrets !== 'boolean') throw wrong('mask.secrets', 'true or false');
  const named = object(patterns, 'mask.patterns');
  if (!isStrings(Object.values(named))) throw wrong('mask.patterns', 'regular expressions by name');
  return { variables, patterns: named as Record<string, string>, secrets };
}

function isStrings(values: unknown): values is string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string');
}

function object(value: unknown, member: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(member, 'an object');
  return value as Record<string, unknown>;
}

/** A pattern is matched against the bytes of the output, so what is not ASCII in it stands for its UTF-8 bytes. */
function finder(name: string, pattern: string): FindRanges {
  let regExp: RegExp;
  try {
    regExp = new RegExp(Buffer.from(pattern).toString('latin1'), 'g');
  } catch {
    throw wrong(`mask.patterns.${name}`, 'a regular expression of JavaScript');
  }
  return (text) =>
    Array.from(text.matchAll(regExp), (match) => ({ start: match.index, end: match.index + match[0].length, name }));
}

function wrong(member: string, allowed: string): NodeAgentError {
  return new NodeAgentError('config', `${member} in the configuration file is not allowed; allowed: ${allowed}`);
}
