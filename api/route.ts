/**
 * The one way to define a route: its schemas check the request, type its handler and make its part of the OpenAPI
 * document. register-routes.ts registers it in Express, openapi.ts in the document.
 */
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { OrganizationScope } from '../prisma/organization-scope.js';
import type { Principal } from '../prisma/queries/authenticate.js';
import { fieldMessage } from './field-messages.js';
import { ApiError, type FieldFault, type ProblemCode } from './problem.js';

export type Method = 'get' | 'post' | 'delete';
/**
 * Who may call: anyone, whatever they send; anyone, with or without a good credential; any credential of the
 * organisation; only its admins.
 */
export type Access = 'public' | 'anyone' | 'viewer' | 'admin';

/** A response that is not JSON: nothing, a stream or a page. */
export interface OtherContent {
  description: string;
  contentType?: string;
}
type ResponseSpec = z.ZodType | OtherContent;
export type ResponseSpecs = Partial<Record<200 | 201 | 202 | 204 | 206 | 303 | 304 | 503, ResponseSpec>>;

/** The handler has written the response itself. */
export const WRITTEN = { written: true } as const;

/** A body that is already the JSON of a `T`. */
export class EncodedJson<T> {
  /** Never set. It ties the text to the schema that the text must match. */
  declare readonly decoded?: T;
  constructor(readonly text: string) {}
}

type AnswerBody<S> = S extends z.ZodType ? z.input<S> | EncodedJson<z.input<S>> : string | undefined;
export type Answer<R extends ResponseSpecs> =
  { [S in keyof R]: { status: S; body: AnswerBody<R[S]> } }[keyof R] | typeof WRITTEN;

/** A response with a status that the route declares, and its body. */
export function answer<const S extends keyof ResponseSpecs, B = undefined>(
  status: S,
  body?: B,
): { status: S; body: B } {
  return { status, body: body as B };
}

/** What a handler gets. */
export interface Context<A extends Access = Access, P = unknown, Q = unknown, B = unknown> {
  params: P;
  query: Q;
  body: B;
  /** The caller's organisation; the handler's only access to the database. */
  scope: A extends 'public' | 'anyone' ? undefined : OrganizationScope;
  /** Of `anyone` only if a good credential was sent. */
  principal: A extends 'public' ? undefined : A extends 'anyone' ? Principal | undefined : Principal;
  request: Request;
  response: Response;
  /** Aborted when the client goes away. */
  gone: AbortSignal;
}

interface RouteSpec<
  A extends Access,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  R extends ResponseSpecs,
> {
  method: Method;
  /** In OpenAPI's form: `/v1/nodes/{id}`. */
  path: string;
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  access: A;
  /** A public route that takes a secret: each address may be refused as often as with credentials. @default false */
  isLimitedByAddress?: boolean;
  /** It searches: others go first. @default false */
  searches?: boolean;
  params?: P;
  query?: Q;
  body?: B;
  responses: R;
  /** In addition to those that every route of its kind can answer with. */
  errors?: ProblemCode[];
  handle(context: Context<A, z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer<R>> | Answer<R>;
}

/** A route without its type parameters, after they have been checked. */
export interface Route extends Omit<RouteSpec<Access, z.ZodType, z.ZodType, z.ZodType, ResponseSpecs>, 'handle'> {
  handle(context: Context): Promise<UntypedAnswer>;
}
export type UntypedAnswer = { status: number; body: unknown } | typeof WRITTEN;

export function route<
  A extends Access,
  R extends ResponseSpecs,
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<A, P, Q, B, R>): Route {
  return {
    ...spec,
    handle: async (context) =>
      (await spec.handle(context as Context<A, z.output<P>, z.output<Q>, z.output<B>>)) as UntypedAnswer,
  };
}

export function isJsonResponse(spec: ResponseSpec): spec is z.ZodType {
  return 'safeParse' in spec;
}

const NOTHING = z.strictObject({});

/**
 * @returns the request's params, query and body as the route's schemas parse them
 * @throws ApiError naming every invalid field
 */
export function parseRequest(
  { params, query, body }: Pick<Route, 'params' | 'query' | 'body'>,
  request: Pick<Request, 'params' | 'query' | 'body'>,
): { params: unknown; query: unknown; body: unknown } {
  const faults: FieldFault[] = [];
  const parsed = {
    params: parsePart(params, request.params, 'path', faults),
    query: parsePart(query ?? NOTHING, request.query, 'query', faults),
    body: parsePart(body, request.body ?? {}, 'body', faults),
  };
  if (faults.length > 0) {
    const detail = faults.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ');
    throw new ApiError('invalid_request', detail, { errors: faults });
  }
  return parsed;
}

function parsePart(schema: z.ZodType | undefined, value: unknown, where: FieldFault['in'], faults: FieldFault[]) {
  if (!schema) return undefined;
  const result = schema.safeParse(value, { error: fieldMessage });
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      faults.push(
        ...issue.keys.map((key) => ({ in: where, field: key.slice(0, 100), message: 'is not a known field' })),
      );
    } else {
      // a parameter is one text: what is inside it is the hive's own reading
      const field = where === 'body' ? issue.path.join('.') : String(issue.path[0] ?? '');
      faults.push({ in: where, field, message: issue.message });
    }
  }
  return undefined;
}
