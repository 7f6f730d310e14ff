from workers import Response, WorkerEntrypoint

from dates import weekday


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(weekday(2026, 11, 30))
