import { once } from 'node:events';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { Command, InvalidArgumentError } from 'commander';
import { createHiveClient } from '../../api/client/client.js';
import { createMcpServer } from '../mcp/server.js';
import { addHiveOptions, requireHive, type HiveOptions } from './hive-access.js';

const CHARACTERS = { default: 20_000, min: 2_000, max: 1_000_000 };

interface Options extends HiveOptions {
  allowBackfill?: boolean;
  maxCharacters: number;
}

export function mcpCommand(): Command {
  return addHiveOptions(new Command('mcp'))
    .description('Serve the Model Context Protocol on standard input and output, for agents (docs/mcp.md).')
    .option('--allow-backfill', 'let agents fetch missing lines from nodes; without it they can only read')
    .option('--max-characters <number>', 'the longest answer of a tool', characters, CHARACTERS.default)
    .action(async ({ allowBackfill = false, maxCharacters, ...options }: Options) => {
      const address = await requireHive(options);
      const hive = { api: createHiveClient(address), address };
      const closed = new AbortController();
      const server = createMcpServer(hive, { allowBackfill, maxCharacters }, closed.signal);
      await server.connect(new StdioServerTransport());
      process.stderr.write(`hive mcp: serving ${address.url}\n`); // standard output is the protocol's
      await untilClientIsGone();
      closed.abort();
      await server.close();
    });
}

async function untilClientIsGone(): Promise<void> {
  const ends = [
    once(process.stdin, 'end'),
    once(process.stdin, 'close'),
    once(process, 'SIGINT'),
    once(process, 'SIGTERM'),
  ];
  process.stdout.on('error', () => process.stdin.destroy()); // the client no longer reads
  await Promise.race(ends);
}

function characters(text: string): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value >= CHARACTERS.min && value <= CHARACTERS.max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${CHARACTERS.min} to ${CHARACTERS.max}.`);
}
