export const hello = 'grüße'
