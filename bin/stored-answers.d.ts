/** The output of a command line that only asks for the version or for a help text, else undefined. */
export declare function storedAnswer(words: string[]): string | undefined
