/** Every error code the stand-in answers with, and its HTTP status. */
export const FAULT_STATUS = {
  AccessDeniedException: 403,
  ConflictingOperationException: 409,
  ExpiredTokenException: 403,
  IncompleteSignatureException: 400,
  InternalFailureException: 500,
  InvalidRequestException: 400,
  InvalidSignatureException: 403,
  LimitExceededException: 410,
  MissingAuthenticationTokenException: 403,
  NotImplementedException: 501,
  PreconditionFailedException: 412,
  QueryTimeoutException: 504,
  RequestEntityTooLargeException: 413,
  ResourceAlreadyExistsException: 409,
  ResourceNotFoundException: 404,
  SerializationException: 400,
  ServiceUnavailableException: 503,
  ThrottlingException: 429,
  TooManyTagsException: 400,
  UnauthorizedException: 401,
  UnknownOperationException: 404,
  UnrecognizedClientException: 403,
  ValidationException: 400,
  // Of TwinMaker's API.
  ConflictException: 409,
  ConnectorFailureException: 424,
  InternalServerException: 500,
} as const;

export type FaultCode = keyof typeof FAULT_STATUS;

/** An error that goes over the wire as AWS would send it. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault';
  readonly code: FaultCode;
  readonly status: number;
  /** Members beside `message`, e.g. `resourceId`. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: FaultCode, message: string, members: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.status = FAULT_STATUS[code];
    this.members = members;
  }
}

/** A request that breaks the API's rules. */
export const invalidRequest = (message: string) => new ApiFault('InvalidRequestException', message);

/** A resource that is not there. */
export const notFound = (kind: string, id: string) =>
  new ApiFault('ResourceNotFoundException', `${kind} ${id} was not found.`);

/** A resource that is being created, changed or deleted, or is still needed. */
export const conflicting = (message: string, resourceId: string, resourceArn: string) =>
  new ApiFault('ConflictingOperationException', message, { resourceId, resourceArn });

/** A name, id or alias that is taken. */
export const alreadyExists = (message: string, resourceId: string, resourceArn: string) =>
  new ApiFault('ResourceAlreadyExistsException', message, { resourceId, resourceArn });
