/** The output of a command line that only asks for the version, for a help text or for a completion script, else undefined. */
export declare function storedAnswer(words: string[]): string | undefined
