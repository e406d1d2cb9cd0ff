/** The one way to define a tool: its schemas check what an agent asks and what it gets; errors become its answers. */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import { HiveApiError, HiveUnreachableError } from '../../api/client/client.js';
import type { Hive } from '../commands/reading/api.js';

export interface ToolContext {
  hive: Hive;
  /** The most characters of an answer's text, and of its structured content. */
  maxCharacters: number;
  /** Aborted when the client takes the call back, or goes away. */
  signal: AbortSignal;
  /** Tells a client that wants to know how far a long call is. */
  progress: (message: string) => Promise<void>;
}

/** What a tool answers: the same for programs and as text. */
export interface ToolAnswer<T> {
  content: T;
  text: string;
}

interface ToolSpec<Input extends z.ZodRawShape, Output extends z.ZodRawShape> {
  name: string;
  title: string;
  description: string;
  input: Input;
  output: Output;
  /** @default true */
  isReadOnly?: boolean;
  run: (input: z.output<z.ZodObject<Input>>, context: ToolContext) => Promise<ToolAnswer<z.input<z.ZodObject<Output>>>>;
}

/** A tool without its type parameters. */
export interface Tool {
  register: (server: McpServer, context: Omit<ToolContext, 'signal' | 'progress'>, closed: AbortSignal) => void;
}

/** What went wrong, and what the agent can do about it. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

export function tool<Input extends z.ZodRawShape, Output extends z.ZodRawShape>(spec: ToolSpec<Input, Output>): Tool {
  const { name, title, description, isReadOnly = true } = spec;
  const inputSchema = z.strictObject(spec.input);
  const schemas: Record<'inputSchema' | 'outputSchema', z.ZodType> = {
    inputSchema,
    outputSchema: z.object(spec.output),
  };
  const annotations = {
    title,
    readOnlyHint: isReadOnly,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  };
  return {
    register: (server, base, closed) => {
      server.registerTool(name, { title, description, ...schemas, annotations }, async (input, extra) => {
        const token = extra._meta?.progressToken;
        let told = 0;
        const progress = async (message: string) => {
          if (token === undefined) return;
          const params = { progressToken: token, progress: ++told, message };
          await extra.sendNotification({ method: 'notifications/progress', params });
        };
        try {
          const context = { ...base, signal: AbortSignal.any([extra.signal, closed]), progress };
          const { content, text } = await spec.run(inputSchema.parse(input), context);
          return { structuredContent: content, content: [{ type: 'text' as const, text }] };
        } catch (error) {
          return { isError: true, content: [{ type: 'text' as const, text: explain(error) }] };
        }
      });
    },
  };
}

const ADVICE: Partial<Record<number, string>> = {
  401: 'the token is not accepted: whoever configured this server has to give it another (`hive login`, or HIVE_TOKEN)',
  403: 'the token does not allow this',
  404: 'check the id: list_attempts shows which attempts there are',
  429: 'wait a minute, then call again',
  503: 'the hive is busy or its database is away: wait some seconds, then call again',
};

function explain(error: unknown): string {
  if (error instanceof HiveUnreachableError)
    return `${error.message}. Wait some seconds and call again; if it stays so, tell the user.`;
  if (error instanceof HiveApiError) {
    const advice = ADVICE[error.status];
    return advice === undefined ? error.message : `${error.message}: ${advice}`;
  }
  return error instanceof Error ? error.message : String(error);
}
