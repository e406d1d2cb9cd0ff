import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import getPort, { clearLockedPorts } from 'get-port';
import type { Logger } from '../logger.js';
import { EmbeddedError, systemCode } from './errors.js';

/** What each port is for, and the variable that sets it. */
export const PORT_VARIABLES = {
  postgres: 'HIVE_POSTGRES_PORT',
  temporal: 'HIVE_TEMPORAL_PORT',
  temporalUi: 'HIVE_TEMPORAL_UI_PORT',
} as const;

export type PortName = keyof typeof PORT_VARIABLES;
export type Ports = Partial<Record<PortName, number>>;

/**
 * Temporal takes some free ports besides the one it is given; by chance, one of them can be that one or another
 * process's.
 */
const TRIES = 3;

/**
 * Chooses a free port on 127.0.0.1 for each name: the wanted one, otherwise the one of the last start, otherwise any
 * that is not to be avoided. Remembers them in `<dataDir>/ports.json`.
 * @throws {EmbeddedError} port_in_use when a wanted port is taken
 */
export async function choosePorts(
  dataDir: string,
  names: readonly PortName[],
  wanted: Ports,
  avoid: readonly number[] = [],
): Promise<Ports> {
  const file = join(dataDir, 'ports.json');
  const remembered = readPorts(file);
  const chosen: Ports = {};
  // get-port reserves a port that it gave for half a minute, but the server that had it may have stopped since
  clearLockedPorts();
  for (const name of names) {
    const asked = wanted[name];
    const preferred = asked ?? remembered[name];
    const port = await getPort({
      host: '127.0.0.1',
      ...(preferred !== undefined && { port: preferred }),
      exclude: [...Object.values(chosen), ...avoid.filter((number) => number !== asked)],
    });
    if (asked !== undefined && port !== asked) {
      throw new EmbeddedError(
        'port_in_use',
        `port ${asked} (${PORT_VARIABLES[name]}) is in use; free it, or unset the variable to use any free port`,
      );
    }
    chosen[name] = port;
  }
  writeFileSync(`${file}.draft`, JSON.stringify({ ...remembered, ...chosen }));
  renameSync(`${file}.draft`, file);
  return chosen;
}

/**
 * Starts a server on the chosen ports. Each time one of them was taken in the meantime, it chooses others.
 * @param chosen of all servers, those that don't run yet included; the new choice is written here
 * @param start gets the ports to start on, and throws port_lost if one was taken
 * @throws {EmbeddedError} port_in_use, or what the last start threw
 */
export async function startOnPorts<N extends PortName, T>(
  dataDir: string,
  names: readonly N[],
  wanted: Ports,
  chosen: Ports,
  start: (ports: Record<N, number>) => Promise<T>,
  logger: Logger,
): Promise<T> {
  const tried: number[] = [];
  for (let tries = 1; ; tries++) {
    try {
      return await start(Object.fromEntries(names.map((name) => [name, chosen[name]])) as Record<N, number>);
    } catch (error) {
      if (!(error instanceof EmbeddedError) || error.code !== 'port_lost' || tries === TRIES) throw error;
      tried.push(...Object.values(chosen));
      logger.warn({ err: error }, 'a port was taken in the meantime; starting the server on another one');
      Object.assign(chosen, await choosePorts(dataDir, names, wanted, tried));
    }
  }
}

function readPorts(file: string): Ports {
  try {
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const names = Object.keys(PORT_VARIABLES) as PortName[];
    return Object.fromEntries(names.flatMap((name) => (isPort(stored[name]) ? [[name, stored[name]]] : [])));
  } catch (error) {
    // the ports are only a preference: a missing or damaged file is replaced
    if (error instanceof SyntaxError || error instanceof TypeError || systemCode(error) === 'ENOENT') return {};
    throw error;
  }
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536;
