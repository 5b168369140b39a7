/**
 * Makes the answers of a uWS app the last on their connections. uWS has a way to say so for one answer and none for all: the
 * class of the responses, seen at the first connection, is made to say it each time.
 */
export declare class UwsResponses {
    #private;
    /** A response of the app, before it may be used. */
    meet(response: object): void;
    /** From now on, every answer closes its connection, save those that were begun as a stream. */
    closeConnections(): void;
}
